/* The life of a module in the CEDR runtime: its files, its memory, its calls in flight. What process.c is for a process of
 * its own, this is for one instance among others in CEDR's daemon: a message ends main, and what was allocated is freed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include "dash_module.h"

#pragma GCC visibility push(hidden)
#include "internal.h"
#pragma GCC visibility pop

/* Before each allocation, in a ring. */
typedef struct block {
  struct block *previous;
  struct block *next;
} block;

enum { ALIGNMENT = 64 };

typedef struct {
  cedr_dash_run run;
  const char *name;
  block blocks; /* the ring's head */
  cedr_file weights;
  double *roots[CEDR_FFT_STAGES];
  pthread_cond_t done;
  pthread_mutex_t lock;
  uint32_t completed;
  jmp_buf failed;
} instance;

/* The thread's own: one that CEDR made for it, in main. */
static __thread instance *current;

/* ---- the process's functions, for an instance ---- */

void cedr_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  flockfile(stderr);
  fprintf(stderr, "%s: ", current->name);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  funlockfile(stderr);
  va_end(arguments);
  longjmp(current->failed, 1);
}

void cedr_out_of_range(int64_t index, int64_t size) {
  cedr_fail("index %lld is out of range for a dimension of size %lld", (long long)index, (long long)size);
}

void *cedr_allocate(size_t count, size_t size) {
  const size_t most = (SIZE_MAX - 2 * ALIGNMENT) / (size > 0 ? size : 1);
  const size_t bytes = count < most ? (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : 0;
  void *data = count < most ? aligned_alloc(ALIGNMENT, ALIGNMENT + bytes) : NULL;
  if (data == NULL) {
    cedr_fail("out of memory: %zu elements of %zu bytes", count, size);
  }
  memset(data, 0, ALIGNMENT + bytes);
  block *const made = (block *)data;
  made->previous = &current->blocks;
  made->next = current->blocks.next;
  made->next->previous = made;
  current->blocks.next = made;
  return (unsigned char *)data + ALIGNMENT;
}

void cedr_release(void *data) {
  block *const old = (block *)(void *)((unsigned char *)data - ALIGNMENT);
  old->previous->next = old->next;
  old->next->previous = old->previous;
  free(old);
}

const double *cedr_roots(int stage) {
  if (current->roots[stage] == NULL) {
    current->roots[stage] = cedr_make_roots(stage);
  }
  return current->roots[stage];
}

/* ---- calls in flight ---- */

void cedr_dash_wait(cedr_dash_run *run) {
  pthread_mutex_lock(run->barrier.mutex);
  while (*run->barrier.completion_ctr != run->submitted) {
    pthread_cond_wait(run->barrier.cond, run->barrier.mutex);
  }
  pthread_mutex_unlock(run->barrier.mutex);
}

dash_cmplx_flt_type **cedr_dash_pointers(int64_t count, int64_t elements) {
  const size_t table_bytes = (sizeof(dash_cmplx_flt_type *) * (size_t)count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  const size_t row_bytes = sizeof(dash_cmplx_flt_type) * (size_t)elements;
  unsigned char *const memory = (unsigned char *)cedr_allocate(table_bytes + row_bytes * (size_t)count, 1);
  dash_cmplx_flt_type **const pointers = (dash_cmplx_flt_type **)(void *)memory;
  for (int64_t i = 0; i < count; ++i) {
    pointers[i] = (dash_cmplx_flt_type *)(void *)(memory + table_bytes + row_bytes * (size_t)i);
  }
  return pointers;
}

void cedr_dash_release(dash_cmplx_flt_type **pointers) {
  cedr_release(pointers);
}

/* The next row of a tile, all dimensions but the last: moves `index` on and returns the row's first element, -1 behind the
 * last row. */
static int64_t next_row(const cedr_dash_tile *where, int64_t index[CEDR_MAX_RANK]) {
  int32_t i = where->rank - 2;
  while (i >= 0 && ++index[i] == where->shape[i]) {
    index[i--] = 0;
  }
  int64_t position = i < 0 ? -1 : 0;
  for (int32_t j = 0; i >= 0 && j < where->rank - 1; ++j) {
    position += index[j] * where->strides[j];
  }
  return position;
}

/* Calls `ELEMENT` for every element: `dense` is at it, `at` is where it stands in the tile. */
#define EACH_ELEMENT(ELEMENT)                                                                                    \
  do {                                                                                                           \
    const int32_t last = where->rank - 1;                                                                        \
    const int64_t count = where->rank > 0 ? where->shape[last] : 1;                                              \
    const int64_t step = where->rank > 0 ? where->strides[last] : 1;                                             \
    int64_t index[CEDR_MAX_RANK] = {0};                                                                          \
    for (int64_t row = 0; row >= 0; row = next_row(where, index)) {                                              \
      for (int64_t i = 0; i < count; ++i, ++dense) {                                                             \
        const int64_t at = row + i * step;                                                                       \
        ELEMENT;                                                                                                 \
      }                                                                                                          \
    }                                                                                                            \
  } while (0)

void cedr_dash_pack_f32(dash_cmplx_flt_type *dense, const float *tile, const cedr_dash_tile *where) {
  EACH_ELEMENT(dense->re = tile[at]; dense->im = 0);
}

void cedr_dash_unpack_f32(float *tile, const dash_cmplx_flt_type *dense, const cedr_dash_tile *where) {
  EACH_ELEMENT(tile[at] = dense->re);
}

void cedr_dash_pack_c64(dash_cmplx_flt_type *dense, const float _Complex *tile, const cedr_dash_tile *where) {
  const float *const parts = (const float *)tile;
  EACH_ELEMENT(dense->re = parts[2 * at]; dense->im = parts[2 * at + 1]);
}

void cedr_dash_unpack_c64(float _Complex *tile, const dash_cmplx_flt_type *dense, const cedr_dash_tile *where) {
  float *const parts = (float *)tile;
  EACH_ELEMENT(parts[2 * at] = dense->re; parts[2 * at + 1] = dense->im);
}

/* ---- main ---- */

/* FOLDER/KIND.npy, or FOLDER/KIND<index>.npy where there are several; FOLDER is that of the module's file. */
static char *path_beside(const cedr_dash_module *module, const char *kind, int32_t index, const char *ending) {
  Dl_info info;
  const char *file = "";
  if (dladdr((const void *)module, &info) != 0 && info.dli_fname != NULL) {
    file = info.dli_fname;
  }
  const char *const slash = strrchr(file, '/');
  const int folder = slash == NULL ? 0 : (int)(slash - file) + 1;
  const size_t room = (size_t)folder + strlen(kind) + strlen(ending) + 32;
  char *const path = (char *)cedr_allocate(room, 1);
  if (index < 0) {
    snprintf(path, room, "%.*s%s%s", folder, file, kind, ending);
  } else {
    snprintf(path, room, "%.*s%s%d%s", folder, file, kind, (int)index, ending);
  }
  return path;
}

static void read_inputs(cedr_dash_run *run, const cedr_dash_module *module) {
  for (int32_t i = 0; i < module->input_count; ++i) {
    const char *const path = path_beside(module, "input", module->input_count > 1 ? i : -1, ".npy");
    const int32_t initial = module->initial == NULL ? -1 : module->initial[i];
    if (initial >= 0 && access(path, F_OK) != 0) {
      run->input[i] = run->weight[initial];
      continue;
    }
    run->input[i] = cedr_allocate(cedr_size_bytes(&module->inputs[i]), 1);
    cedr_read_npy(path, &module->inputs[i], run->input[i]);
  }
}

static void compute(instance *self, int argc, const cedr_dash_module *module) {
  if (argc > 1) {
    cedr_fail("takes no arguments: it reads input.npy beside it");
  }
  cedr_dash_run *const run = &self->run;
  run->input = (void **)cedr_allocate((size_t)module->input_count, sizeof *run->input);
  run->output = (void **)cedr_allocate((size_t)module->output_count, sizeof *run->output);
  run->weight = (void **)cedr_allocate((size_t)module->weight_count, sizeof *run->weight);
  run->arena = (unsigned char *)cedr_allocate((size_t)module->arena_bytes, 1);
  if (module->weight_count > 0) {
    const char *const path = path_beside(module, "weights", -1, ".safetensors");
    self->weights = cedr_map_file(path);
    cedr_read_weights(path, &self->weights, module->weights, module->weight_count, run->weight);
  }
  read_inputs(run, module);
  for (int32_t i = 0; i < module->output_count; ++i) {
    run->output[i] = cedr_allocate(cedr_size_bytes(&module->outputs[i]), 1);
  }
  module->run(run);
  for (int32_t i = 0; i < module->output_count; ++i) {
    cedr_write_npy(path_beside(module, "output", module->output_count > 1 ? i : -1, ".npy"), &module->outputs[i],
                   run->output[i]);
  }
}

int cedr_dash_main(int argc, const cedr_dash_module *module) {
  instance *const self = (instance *)calloc(1, sizeof *self);
  if (self == NULL) {
    fprintf(stderr, "%s: out of memory\n", module->name);
    return 1;
  }
  self->name = module->name;
  self->blocks.previous = self->blocks.next = &self->blocks;
  pthread_cond_init(&self->done, NULL);
  pthread_mutex_init(&self->lock, NULL);
  self->run.barrier.cond = &self->done;
  self->run.barrier.mutex = &self->lock;
  self->run.barrier.completion_ctr = &self->completed;
  instance *const outer = current;
  current = self;
  int status = 1;
  if (setjmp(self->failed) == 0) {
    compute(self, argc, module);
    status = 0;
  }
  while (current->blocks.next != &current->blocks) {
    cedr_release((unsigned char *)(void *)current->blocks.next + ALIGNMENT);
  }
  cedr_unmap_file(&current->weights);
  pthread_mutex_destroy(&current->lock);
  pthread_cond_destroy(&current->done);
  free(current);
  current = outer;
  return status;
}
