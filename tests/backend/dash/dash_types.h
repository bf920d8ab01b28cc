/* The element types of CEDR's API as UA-RCL/CEDR 96eeda6 has them, in own words. */
#ifndef DASH_TYPES_H
#define DASH_TYPES_H

#include <pthread.h>
#include <stdint.h>

typedef float dash_re_flt_type;

typedef struct {
  dash_re_flt_type re;
  dash_re_flt_type im;
} dash_cmplx_flt_type;

typedef short dash_re_int_type;

typedef struct {
  dash_re_int_type im;
  dash_re_int_type re;
} dash_cmplx_int_type;

typedef enum zip_op { ADD = 0, SUB = 1, MULT = 2, DIV = 3, CMP_MULT = 4 } zip_op_t;

typedef struct cedr_barrier {
  pthread_cond_t *cond;
  pthread_mutex_t *mutex;
  uint32_t *completion_ctr;
} cedr_barrier_t;

#endif
