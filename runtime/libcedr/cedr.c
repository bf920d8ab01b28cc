/* The life of a module: arguments and the three modes. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "record.h"

typedef struct {
  const cedr_site *site; /* NULL: not submitted */
  size_t operands;       /* where its pointers begin */
} pending_task;

struct cedr_state {
  const cedr_module *module;
  enum { MODE_RUN, MODE_RECORD, MODE_EXECUTE } mode;
  bool values;
  uint32_t next_task; /* the id that needs no word in the record */

  cedr_record record; /* record: written; execute: compared with */
  cedr_thread_record thread;
  pending_task *pending;
  void **operands;
  size_t operand_count;
  size_t operand_capacity;
  const char *schedule_path;
};

/* ---- the record ---- */

static void record_classes(struct cedr_state *state) {
  for (int32_t i = 0; i < state->module->site_count; ++i) {
    cedr_record_class(&state->record, state->module->sites[i].record);
  }
}

static void put_event(struct cedr_state *state, cedr_event event, const uint32_t *words, uint32_t count, int64_t task) {
  if (state->mode == MODE_RECORD) {
    cedr_record_event(&state->record, &state->thread, event, words, count);
    return;
  }
  const char *const different = cedr_record_compare(&state->record, &state->thread, event, words, count);
  if (different != NULL) {
    cedr_fail("%s: the module does not do what was recorded: event %" PRIu64 ", task %" PRId64 ": %s", state->record.path,
              state->thread.compared, task, different);
  }
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
    const bool named = task != state->next_task;
    const cedr_event submit = {.kind = named ? CEDR_SUBMIT_AT : CEDR_SUBMIT,
                               .number = (uint16_t)(site - state->module->sites),
                               .task = named ? &task : NULL};
    put_event(state, submit, cedr->after, cedr->after_count, task);
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
  if (state->mode != MODE_RUN) {
    put_event(state, (cedr_event){.kind = CEDR_WAIT}, NULL, 0, -1);
  }
  if (state->mode == MODE_EXECUTE) {
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

/* Gives the record's path, or NULL. */
static const char *read_mode(struct cedr_state *state) {
  const char *mode = getenv("CEDR_MODE");
  state->values = true;
  if (mode == NULL || *mode == '\0' || strcmp(mode, "run") == 0) {
    state->mode = MODE_RUN;
    return NULL;
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
  const char *const path = getenv("CEDR_RECORD");
  state->schedule_path = getenv("CEDR_SCHEDULE");
  if (path == NULL) {
    cedr_fail("CEDR_MODE=%s needs CEDR_RECORD=FILE", mode);
  }
  if (state->mode == MODE_EXECUTE && state->schedule_path == NULL) {
    cedr_fail("CEDR_MODE=execute needs CEDR_SCHEDULE=FILE");
  }
  return path;
}

/* The place of the weight that an input is where none is given, or -1. */
static int32_t initial_weight(const cedr_module *module, int32_t input) {
  return module->initial == NULL ? -1 : module->initial[input];
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
  struct cedr_state state = {.module = module};
  const char *const record_path = read_mode(&state);
  cedr_context cedr = {.recording = state.mode != MODE_RUN, .state = &state};
  cedr.input = cedr_allocate((size_t)module->input_count, sizeof *cedr.input);
  cedr.output = cedr_allocate((size_t)module->output_count, sizeof *cedr.output);
  cedr.weight = cedr_allocate((size_t)module->weight_count, sizeof *cedr.weight);
  const bool needs_values = state.values || state.mode == MODE_EXECUTE;
  for (int32_t i = 0; i < module->input_count; ++i) {
    if (input_paths[i] == NULL && initial_weight(module, i) >= 0) {
      continue;
    }
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
  if (module->weight_count > 0) {
    const char *path = weights != NULL ? weights : beside_executable(argv[0], "weights.safetensors");
    const cedr_file file = cedr_map_file(path); /* to the end of the process */
    cedr_read_weights(path, &file, module->weights, module->weight_count, cedr.weight);
  }
  for (int32_t i = 0; i < module->input_count; ++i) {
    if (cedr.input[i] == NULL) {
      cedr.input[i] = cedr.weight[initial_weight(module, i)];
    }
  }
  /* Tiles are aligned within the arena; so is the arena. */
  const size_t alignment = 64;
  unsigned char *arena = cedr_allocate((size_t)module->arena_bytes + alignment, 1);
  cedr.arena = arena + (alignment - (uintptr_t)arena % alignment) % alignment;
  if (state.mode == MODE_RECORD) {
    cedr_record_create(&state.record, record_path, CEDR_HOST_UNKNOWN);
    record_classes(&state);
  } else if (state.mode == MODE_EXECUTE) {
    cedr_record_open(&state.record, record_path);
    state.pending = cedr_allocate(module->task_count, sizeof *state.pending);
  }
  module->run(&cedr);
  if (state.mode == MODE_RECORD) {
    put_event(&state, (cedr_event){.kind = CEDR_END}, NULL, 0, -1);
    cedr_record_close(&state.record, false);
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
