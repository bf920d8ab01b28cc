/* The element types of CEDR's API (UA-RCL/CEDR 96eeda6, libdash/dash_types.h). C and C++. */
#ifndef DASH_TYPES_H
#define DASH_TYPES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef float dash_re_flt_type;
typedef int16_t dash_re_int_type;

typedef struct {
  dash_re_flt_type re;
  dash_re_flt_type im;
} dash_cmplx_flt_type;

/* The imaginary part comes first, as in CEDR. */
typedef struct {
  dash_re_int_type im;
  dash_re_int_type re;
} dash_cmplx_int_type;

/* What a ZIP does with two elements; the names with ZIP_ are the same operations. MULT and CMP_MULT are both the
 * complex product. */
typedef enum zip_op {
  ADD = 0,
  SUB = 1,
  MULT = 2,
  DIV = 3,
  CMP_MULT = 4,
  ZIP_ADD = ADD,
  ZIP_SUB = SUB,
  ZIP_MULT = MULT,
  ZIP_DIV = DIV,
  ZIP_CMP_MULT = CMP_MULT
} zip_op_t;

/* Counts the non-blocking calls that were made with it and are done. All three belong to the application, which waits
 * so:
 *
 *   pthread_mutex_lock(barrier.mutex);
 *   while (*barrier.completion_ctr != calls) {
 *     pthread_cond_wait(barrier.cond, barrier.mutex);
 *   }
 *   pthread_mutex_unlock(barrier.mutex);
 */
typedef struct cedr_barrier {
  pthread_cond_t *cond;
  pthread_mutex_t *mutex;
  uint32_t *completion_ctr;
} cedr_barrier_t;

#endif
