/* The life of a module: arguments, the three modes, the record. The record's format is documented in
 * docs/record.md and read by cedr.runtime.record. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

enum { EVENTS = 1, AUX = 2, CLASSES = 3, STREAMS = 4 };
enum { SUBMIT = 1, SUBMIT_AT = 2, WAIT = 4, END = 8 };
enum { HEADER_BYTES = 64, CHUNK_HEADER_BYTES = 32, CHUNK_BYTES = 1 << 20, VERSION = 1 };
enum { RUNNING = 0, ENDED = 1, ENDED_WITH_ERROR = 2 };

typedef struct {
  char magic[8];
  uint32_t version;
  uint32_t state;
  uint64_t length_bytes;
  unsigned char reserved[40];
} record_header;

typedef struct {
  uint32_t kind;
  uint32_t thread;
  uint64_t capacity_bytes;
  _Atomic uint64_t used_bytes;
  uint64_t reserved;
} chunk_header;

typedef struct {
  uint8_t kind;
  uint8_t aux_count;
  uint16_t class_index;
  uint32_t host_ns;
} event;

_Static_assert(sizeof(record_header) == HEADER_BYTES, "the record's header");
_Static_assert(sizeof(chunk_header) == CHUNK_HEADER_BYTES, "a chunk's header");
_Static_assert(sizeof(event) == 8, "an event");

/* The chunk of one stream that is being filled (record) or read (execute). */
typedef struct {
  chunk_header *chunk;
  unsigned char *data;
  uint64_t used;
} stream;

typedef struct {
  const cedr_site *site; /* NULL: not submitted */
  size_t operands;       /* where its pointers begin */
} pending_task;

struct cedr_state {
  const cedr_module *module;
  enum { MODE_RUN, MODE_RECORD, MODE_EXECUTE } mode;
  bool values;
  uint32_t next_task; /* the id that needs no word in the record */

  int record; /* file descriptor */
  const char *record_path;
  record_header *header;
  stream streams[STREAMS];

  cedr_file recorded; /* execute: the record to compare with */
  uint64_t events;    /* compared so far */
  pending_task *pending;
  void **operands;
  size_t operand_count;
  size_t operand_capacity;
  const char *schedule_path;
};

/* ---- recording ---- */

static void *map_record(struct cedr_state *state, uint64_t offset, size_t size) {
  /* Allocated before it is mapped: a full disk is a message here, not a SIGBUS later. */
  const int failure = posix_fallocate(state->record, (off_t)offset, (off_t)size);
  if (failure != 0) {
    cedr_fail("%s: %s", state->record_path, strerror(failure));
  }
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  const uint64_t start = offset / page * page;
  void *data = mmap(NULL, size + (size_t)(offset - start), PROT_READ | PROT_WRITE, MAP_SHARED, state->record,
                    (off_t)start);
  if (data == MAP_FAILED) {
    cedr_fail("%s: %s", state->record_path, strerror(errno));
  }
  return (unsigned char *)data + (offset - start);
}

static void open_record(struct cedr_state *state) {
  state->record = open(state->record_path, O_RDWR | O_CREAT | O_EXCL, 0666);
  if (state->record < 0) {
    cedr_fail("%s: %s%s", state->record_path, strerror(errno), errno == EEXIST ? "; a record is never overwritten" : "");
  }
  state->header = map_record(state, 0, HEADER_BYTES);
  memcpy(state->header->magic, "CEDRREC1", 8);
  state->header->version = VERSION;
  state->header->state = RUNNING;
  state->header->length_bytes = HEADER_BYTES;
}

static void new_chunk(struct cedr_state *state, uint32_t kind, uint64_t needed) {
  stream *stream = &state->streams[kind];
  if (stream->chunk != NULL) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t start = (uintptr_t)stream->chunk / page * page;
    munmap((void *)start, (uintptr_t)stream->data + stream->chunk->capacity_bytes - start);
  }
  const uint64_t capacity = needed > CHUNK_BYTES ? (needed + 7) / 8 * 8 : CHUNK_BYTES;
  const uint64_t offset = state->header->length_bytes;
  stream->chunk = map_record(state, offset, CHUNK_HEADER_BYTES + capacity);
  stream->data = (unsigned char *)(stream->chunk + 1);
  stream->used = 0;
  stream->chunk->kind = kind;
  stream->chunk->thread = 0;
  stream->chunk->capacity_bytes = capacity;
  state->header->length_bytes = offset + CHUNK_HEADER_BYTES + capacity;
}

/* Room for `size` bytes in a stream; they count once published. */
static unsigned char *reserve(struct cedr_state *state, uint32_t kind, uint64_t size) {
  stream *stream = &state->streams[kind];
  if (stream->chunk == NULL || stream->used + size > stream->chunk->capacity_bytes) {
    new_chunk(state, kind, size);
  }
  unsigned char *place = stream->data + stream->used;
  stream->used += size;
  return place;
}

static void publish(struct cedr_state *state, uint32_t kind) {
  stream *stream = &state->streams[kind];
  atomic_store_explicit(&stream->chunk->used_bytes, stream->used, memory_order_release);
}

static void record_classes(struct cedr_state *state) {
  for (int32_t i = 0; i < state->module->site_count; ++i) {
    const char *line = state->module->sites[i].record;
    const size_t length = strlen(line);
    unsigned char *place = reserve(state, CLASSES, length + 1);
    memcpy(place, line, length);
    place[length] = '\n';
    publish(state, CLASSES);
  }
}

/* The words that follow an event: a count where it does not fit the event, a task id where it is not the next one. */
static uint32_t aux_prefix(uint32_t words[2], bool explicit_task, uint32_t task, uint32_t after_count,
                           uint8_t *aux_count) {
  const uint32_t total = after_count + (explicit_task ? 1 : 0);
  uint32_t used = 0;
  *aux_count = total < 255 ? (uint8_t)total : 255;
  if (total >= 255) {
    words[used++] = total;
  }
  if (explicit_task) {
    words[used++] = task;
  }
  return used;
}

static void record_event(struct cedr_state *state, event record, const uint32_t *prefix, uint32_t prefix_count,
                         const uint32_t *words, uint32_t count) {
  if (prefix_count + count > 0) {
    unsigned char *place = reserve(state, AUX, (uint64_t)(prefix_count + count) * 4);
    memcpy(place, prefix, (size_t)prefix_count * 4);
    memcpy(place + (size_t)prefix_count * 4, words, (size_t)count * 4);
    publish(state, AUX);
  }
  memcpy(reserve(state, EVENTS, sizeof record), &record, sizeof record);
  publish(state, EVENTS);
}

static void close_record(struct cedr_state *state) {
  const event end = {.kind = END};
  record_event(state, end, NULL, 0, NULL, 0);
  state->header->state = ENDED;
  close(state->record);
}

/* ---- comparing with a record ---- */

static void open_recorded(struct cedr_state *state) {
  state->recorded = cedr_map_file(state->record_path);
  const cedr_file *file = &state->recorded;
  if (file->size < HEADER_BYTES || memcmp(file->data, "CEDRREC1", 8) != 0) {
    cedr_fail("%s: not a record", state->record_path);
  }
}

/* The next `size` bytes of a recorded stream, or NULL at its end. */
static const unsigned char *next_recorded(struct cedr_state *state, uint32_t kind, uint64_t size) {
  stream *stream = &state->streams[kind];
  const unsigned char *end = state->recorded.data + state->recorded.size;
  while (stream->chunk == NULL || stream->used + size > stream->chunk->used_bytes) {
    const unsigned char *next = stream->chunk == NULL ? state->recorded.data + HEADER_BYTES
                                                      : stream->data + stream->chunk->capacity_bytes;
    for (;;) {
      if (next + CHUNK_HEADER_BYTES > end) {
        return NULL;
      }
      chunk_header *chunk = (chunk_header *)(uintptr_t)next;
      if (chunk->capacity_bytes > (uint64_t)(end - next) - CHUNK_HEADER_BYTES) {
        return NULL;
      }
      if (chunk->kind == kind && chunk->thread == 0) {
        stream->chunk = chunk;
        stream->data = (unsigned char *)(chunk + 1);
        stream->used = 0;
        break;
      }
      next += CHUNK_HEADER_BYTES + chunk->capacity_bytes;
    }
  }
  const unsigned char *place = stream->data + stream->used;
  stream->used += size;
  return place;
}

_Noreturn static void diverged(struct cedr_state *state, const char *what, int64_t task) {
  cedr_fail("%s: the module does not do what was recorded: event %" PRIu64 ", task %" PRId64 ": %s",
            state->record_path, state->events, task, what);
}

static void compare_event(struct cedr_state *state, event wanted, const uint32_t *prefix, uint32_t prefix_count,
                          const uint32_t *words, uint32_t count, int64_t task) {
  event found;
  const unsigned char *place = next_recorded(state, EVENTS, sizeof found);
  if (place == NULL) {
    diverged(state, "the record ends before it", task);
  }
  memcpy(&found, place, sizeof found);
  if (found.kind != wanted.kind) {
    diverged(state, "another kind of event was recorded", task);
  }
  if (found.class_index != wanted.class_index) {
    diverged(state, "a call of another class was recorded", task);
  }
  if (found.aux_count != wanted.aux_count) {
    diverged(state, "another number of dependencies was recorded", task);
  }
  if (prefix_count + count > 0) {
    const unsigned char *recorded = next_recorded(state, AUX, (uint64_t)(prefix_count + count) * 4);
    if (recorded == NULL || memcmp(recorded, prefix, (size_t)prefix_count * 4) != 0 ||
        memcmp(recorded + (size_t)prefix_count * 4, words, (size_t)count * 4) != 0) {
      diverged(state, "other dependencies were recorded", task);
    }
  }
  ++state->events;
}

/* ---- what the emitted code calls ---- */

void cedr_after_grow(cedr_context *cedr) {
  cedr->after_capacity = cedr->after_capacity == 0 ? 64 : cedr->after_capacity * 2;
  cedr->after = realloc(cedr->after, cedr->after_capacity * sizeof cedr->after[0]);
  if (cedr->after == NULL) {
    cedr_fail("out of memory: %" PRIu32 " dependencies of one task", cedr->after_capacity);
  }
}

static void keep_task(struct cedr_state *state, uint32_t task, const cedr_site *site, void *const operand[]) {
  if (task >= state->module->task_count) {
    cedr_fail("task %" PRIu32 " is submitted, the module has %" PRIu32, task, state->module->task_count);
  }
  if (state->operand_count + (size_t)site->operands > state->operand_capacity) {
    state->operand_capacity = state->operand_capacity * 2 + 4096;
    state->operands = realloc(state->operands, state->operand_capacity * sizeof state->operands[0]);
    if (state->operands == NULL) {
      cedr_fail("out of memory: operands of %" PRIu32 " tasks", task);
    }
  }
  state->pending[task].site = site;
  state->pending[task].operands = state->operand_count;
  for (int32_t i = 0; i < site->operands; ++i) {
    state->operands[state->operand_count++] = operand[i];
  }
}

void cedr_submit(cedr_context *cedr, uint32_t task, const cedr_site *site, void *const operand[]) {
  struct cedr_state *state = cedr->state;
  if (cedr->recording) {
    const bool explicit_task = task != state->next_task;
    event submit = {.kind = explicit_task ? SUBMIT_AT : SUBMIT,
                    .class_index = (uint16_t)(site - state->module->sites)};
    uint32_t prefix[2];
    const uint32_t prefix_count = aux_prefix(prefix, explicit_task, task, cedr->after_count, &submit.aux_count);
    if (state->mode == MODE_RECORD) {
      record_event(state, submit, prefix, prefix_count, cedr->after, cedr->after_count);
    } else {
      compare_event(state, submit, prefix, prefix_count, cedr->after, cedr->after_count, task);
    }
    state->next_task = task + 1;
    cedr->after_count = 0;
  }
  if (state->mode == MODE_EXECUTE) {
    keep_task(state, task, site, operand);
  } else if (state->values && site->run != NULL) {
    site->run(site, operand);
  }
}

/* Runs the kept tasks in the order of the schedule, each with the implementation of the PE it was given. */
static void run_schedule(struct cedr_state *state) {
  const cedr_file file = cedr_map_file(state->schedule_path);
  uint32_t count = 0;
  if (file.size >= 4) {
    memcpy(&count, file.data, 4);
  }
  if (file.size < 4 || file.size != 4 + (uint64_t)count * 8) {
    cedr_fail("%s: not a schedule: %zu bytes for %" PRIu32 " tasks", state->schedule_path, file.size, count);
  }
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t entry[2];
    memcpy(entry, file.data + 4 + (size_t)i * 8, sizeof entry);
    const uint32_t task = entry[0];
    if (task >= state->module->task_count || state->pending[task].site == NULL ||
        state->pending[task].site->run == NULL) {
      cedr_fail("%s: entry %" PRIu32 " names task %" PRIu32 ", which is not waiting to be run", state->schedule_path,
                i, task);
    }
    if (!cedr_run_as(entry[1], state->pending[task].site, state->operands + state->pending[task].operands)) {
      cedr_fail("%s: task %" PRIu32 " has no implementation %" PRIu32, state->schedule_path, task, entry[1]);
    }
    state->pending[task].site = NULL;
  }
  for (uint32_t task = 0; task < state->module->task_count; ++task) {
    if (state->pending[task].site != NULL && state->pending[task].site->run != NULL) {
      cedr_fail("%s: task %" PRIu32 " is missing", state->schedule_path, task);
    }
    state->pending[task].site = NULL;
  }
  state->operand_count = 0;
}

void cedr_wait(cedr_context *cedr) {
  struct cedr_state *state = cedr->state;
  const event wait = {.kind = WAIT};
  if (state->mode == MODE_RECORD) {
    record_event(state, wait, NULL, 0, NULL, 0);
  } else if (state->mode == MODE_EXECUTE) {
    compare_event(state, wait, NULL, 0, NULL, 0, -1);
    run_schedule(state);
  }
}

/* ---- main ---- */

static void usage(FILE *file, const cedr_module *module) {
  fprintf(file, "usage: %s [--input [NAME=]X.npy]... [--output [NAME=]Y.npy]...\n", module->name);
  const cedr_tensor *const tables[] = {module->inputs, module->outputs};
  const int32_t counts[] = {module->input_count, module->output_count};
  for (int k = 0; k < 2; ++k) {
    fprintf(file, "%s:\n", k == 0 ? "inputs" : "outputs");
    for (int32_t i = 0; i < counts[k]; ++i) {
      const cedr_tensor *tensor = &tables[k][i];
      fprintf(file, "  %s: %s[", tensor->name, cedr_dtype_name(tensor->dtype));
      for (int32_t j = 0; j < tensor->rank; ++j) {
        fprintf(file, "%s%" PRId64, j > 0 ? ", " : "", tensor->shape[j]);
      }
      fprintf(file, "]\n");
    }
  }
}

/* Files given for inputs or outputs: by name, or in order. */
static void assign_path(const char *argument, const char *option, const cedr_tensor *tensors, int32_t count,
                        const char **paths) {
  const char *equals = strchr(argument, '=');
  if (equals != NULL) {
    const size_t length = (size_t)(equals - argument);
    for (int32_t i = 0; i < count; ++i) {
      if (strlen(tensors[i].name) == length && memcmp(tensors[i].name, argument, length) == 0) {
        paths[i] = equals + 1;
        return;
      }
    }
  }
  for (int32_t i = 0; i < count; ++i) {
    if (paths[i] == NULL && (equals == NULL || access(argument, F_OK) == 0)) {
      paths[i] = argument;
      return;
    }
  }
  if (equals != NULL) {
    cedr_fail("%s %s: no such name; those there are: %s%s", option, argument, count > 0 ? tensors[0].name : "none",
              count > 1 ? ", ... (see --help)" : "");
  }
  cedr_fail("%s %s: the module has %" PRId32 " of them only", option, argument, count);
}

static char *beside_executable(const char *argv0, const char *file) {
  static char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  const char *executable = path;
  if (length > 0) {
    path[length] = '\0';
  } else {
    executable = argv0;
  }
  const char *slash = strrchr(executable, '/');
  const size_t folder = slash == NULL ? 0 : (size_t)(slash - executable) + 1;
  char *result = cedr_allocate(folder + strlen(file) + 1, 1);
  memcpy(result, executable, folder);
  strcpy(result + folder, file);
  return result;
}

static void read_mode(struct cedr_state *state) {
  const char *mode = getenv("CEDR_MODE");
  state->values = true;
  if (mode == NULL || *mode == '\0' || strcmp(mode, "run") == 0) {
    state->mode = MODE_RUN;
    return;
  }
  if (strcmp(mode, "record") == 0) {
    const char *values = getenv("CEDR_VALUES");
    state->mode = MODE_RECORD;
    state->values = values != NULL && strcmp(values, "1") == 0;
  } else if (strcmp(mode, "execute") == 0) {
    state->mode = MODE_EXECUTE;
  } else {
    cedr_fail("CEDR_MODE=%s: the modes are run, record, execute", mode);
  }
  state->record_path = getenv("CEDR_RECORD");
  state->schedule_path = getenv("CEDR_SCHEDULE");
  if (state->record_path == NULL) {
    cedr_fail("CEDR_MODE=%s needs CEDR_RECORD=FILE", mode);
  }
  if (state->mode == MODE_EXECUTE && state->schedule_path == NULL) {
    cedr_fail("CEDR_MODE=execute needs CEDR_SCHEDULE=FILE");
  }
}

int cedr_main(int argc, char **argv, const cedr_module *module) {
  cedr_set_program(module->name);
  const char **input_paths = cedr_allocate((size_t)module->input_count, sizeof *input_paths);
  const char **output_paths = cedr_allocate((size_t)module->output_count, sizeof *output_paths);
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      usage(stdout, module);
      return 0;
    }
    const bool input = strcmp(argv[i], "--input") == 0;
    if ((!input && strcmp(argv[i], "--output") != 0) || i + 1 == argc) {
      usage(stderr, module);
      return 2;
    }
    if (input) {
      assign_path(argv[++i], "--input", module->inputs, module->input_count, input_paths);
    } else {
      assign_path(argv[++i], "--output", module->outputs, module->output_count, output_paths);
    }
  }
  struct cedr_state state = {.module = module, .record = -1};
  read_mode(&state);
  cedr_context cedr = {.recording = state.mode != MODE_RUN, .state = &state};
  cedr.input = cedr_allocate((size_t)module->input_count, sizeof *cedr.input);
  cedr.output = cedr_allocate((size_t)module->output_count, sizeof *cedr.output);
  cedr.weight = cedr_allocate((size_t)module->weight_count, sizeof *cedr.weight);
  const bool needs_values = state.values || state.mode == MODE_EXECUTE;
  for (int32_t i = 0; i < module->input_count; ++i) {
    cedr.input[i] = cedr_allocate(cedr_size_bytes(&module->inputs[i]), 1);
    if (input_paths[i] != NULL) {
      cedr_read_npy(input_paths[i], &module->inputs[i], cedr.input[i]);
    } else if (needs_values) {
      cedr_fail("input '%s' is missing: give --input %s=X.npy", module->inputs[i].name, module->inputs[i].name);
    }
  }
  for (int32_t i = 0; i < module->output_count; ++i) {
    cedr.output[i] = cedr_allocate(cedr_size_bytes(&module->outputs[i]), 1);
  }
  const char *weights = getenv("CEDR_WEIGHTS");
  cedr_read_weights(weights != NULL ? weights : beside_executable(argv[0], "weights.safetensors"), module->weights,
                    module->weight_count, cedr.weight);
  /* Tiles are aligned within the arena; so is the arena. */
  const size_t alignment = 64;
  unsigned char *arena = cedr_allocate((size_t)module->arena_bytes + alignment, 1);
  cedr.arena = arena + (alignment - (uintptr_t)arena % alignment) % alignment;
  if (state.mode == MODE_RECORD) {
    open_record(&state);
    record_classes(&state);
  } else if (state.mode == MODE_EXECUTE) {
    open_recorded(&state);
    state.pending = cedr_allocate(module->task_count, sizeof *state.pending);
  }
  module->run(&cedr);
  if (state.mode == MODE_RECORD) {
    close_record(&state);
  }
  for (int32_t i = 0; i < module->output_count; ++i) {
    if (output_paths[i] != NULL) {
      if (!needs_values) {
        cedr_fail("--output %s: recording without CEDR_VALUES=1 computes no values", output_paths[i]);
      }
      cedr_write_npy(output_paths[i], &module->outputs[i], cedr.output[i]);
    }
  }
  return 0;
}
