/* Shared by the files of libcedr, not by modules. */
#ifndef CEDR_INTERNAL_H
#define CEDR_INTERNAL_H

#include "cedr.h"

#if defined(__GNUC__)
#define CEDR_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CEDR_PRINTF(text, first)
#endif

#ifdef __cplusplus
#define CEDR_NORETURN [[noreturn]]
#define CEDR_RESTRICT __restrict
extern "C" {
#else
#define CEDR_NORETURN _Noreturn
#define CEDR_RESTRICT restrict
#endif

/* Prints "NAME: message" on stderr and ends the process with exit status 1. */
CEDR_NORETURN void cedr_fail(const char *format, ...) CEDR_PRINTF(1, 2);

/* Called by cedr_fail() between its message and the end. */
void cedr_before_failing(void (*function)(void));

/* The name messages begin with. */
void cedr_set_program(const char *name);

/* Zeroed; given back by cedr_release(). */
void *cedr_allocate(size_t count, size_t size);
void cedr_release(void *data);

enum { CEDR_FFT_STAGES = 63 };

/* e^(-i pi k / half) for k < half = 2^stage: the cosines, then the sines. Made once, for all threads. */
const double *cedr_roots(int stage);

/* The table that cedr_roots() keeps, made with cedr_allocate(). */
double *cedr_make_roots(int stage);

const char *cedr_dtype_name(cedr_dtype dtype);
size_t cedr_dtype_size(cedr_dtype dtype);
int64_t cedr_element_count(const cedr_tensor *tensor);
size_t cedr_size_bytes(const cedr_tensor *tensor);

/* A file mapped into memory, read-only. */
typedef struct {
  const unsigned char *data;
  size_t size;
} cedr_file;

cedr_file cedr_map_file(const char *path);
void cedr_unmap_file(const cedr_file *file);

/* Reads a .npy file that must hold exactly `tensor`'s dtype and shape into `data`. */
void cedr_read_npy(const char *path, const cedr_tensor *tensor, void *data);

/* Writes `data` as a .npy file: to a temporary name first, then renamed. */
void cedr_write_npy(const char *path, const cedr_tensor *tensor, const void *data);

/* Points `weight[i]` at the bytes of weights[i] in a mapped .safetensors file, which must stay mapped; `path` is its name. */
void cedr_read_weights(const char *path, const cedr_file *file, const cedr_tensor *weights, int32_t count,
                       void **weight);

/* Computes one task as an implementation does: 0 is site->run, others are as in docs/record.md. False: the site has none
 * such. */
bool cedr_run_as(uint32_t implementation, const cedr_site *site, void *const operand[]);

#ifdef __cplusplus
}
#endif
#endif
