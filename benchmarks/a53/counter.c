/* A plugin of QEMU's user-mode emulator: between two functions of the program it counts how often every straight piece of
 * code ("translation block") runs and what it loads and stores, and simulates the data caches of a Cortex-A53 cluster.
 *
 *   qemu-aarch64 -plugin counter.so,begin=0xADDR,end=0xADDR,out=FILE PROGRAM ARGS
 *
 * FILE: `block ADDRESS INSTRUCTIONS EXECUTIONS BYTES` for each block that ran, and `cache ACCESSES L1-MISSES L2-MISSES`.
 * The few declarations of QEMU's plugin interface that it needs stand here: Debian ships the emulator without the header.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
typedef struct qemu_plugin_tb plugin_block;
typedef struct qemu_plugin_insn plugin_instruction;
typedef void plugin_on_block(plugin_id id, plugin_block *block);
typedef void plugin_on_execution(unsigned cpu, void *data);
typedef void plugin_on_access(unsigned cpu, uint32_t access, uint64_t address, void *data);
typedef void plugin_on_exit(plugin_id id, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, plugin_on_block *);
extern void qemu_plugin_register_vcpu_tb_exec_cb(plugin_block *, plugin_on_execution *, int flags, void *);
extern void qemu_plugin_register_vcpu_mem_cb(plugin_instruction *, plugin_on_access *, int flags, int what, void *);
extern void qemu_plugin_register_atexit_cb(plugin_id, plugin_on_exit *, void *);
extern size_t qemu_plugin_tb_n_insns(const plugin_block *);
extern uint64_t qemu_plugin_tb_vaddr(const plugin_block *);
extern plugin_instruction *qemu_plugin_tb_get_insn(const plugin_block *, size_t);
extern unsigned qemu_plugin_mem_size_shift(uint32_t access);

enum { NO_REGISTERS = 0, READ_AND_WRITE = 3, LINE_SHIFT = 6, MOST_WAYS = 16 };

EXPORT int qemu_plugin_version = PLUGIN_VERSION;

typedef struct block {
  struct block *next;
  uint64_t address, instructions, executions, bytes;
} block;

/* Least recently used line first out; way 0 is the latest. */
typedef struct {
  uint64_t sets, ways, misses;
  uint64_t (*tag)[MOST_WAYS];
} cache;

static block *blocks;
static cache l1 = {.sets = (32 << 10) / 64 / 4, .ways = 4};
static cache l2 = {.sets = (1 << 20) / 64 / 16, .ways = 16};
static uint64_t begin_address, end_address, accesses;
static bool counting;
static const char *out_path;

static bool hit(cache *cache, uint64_t line) {
  uint64_t *const tag = cache->tag[line % cache->sets];
  uint64_t way = 0;
  while (way < cache->ways && tag[way] != line + 1) {
    ++way;
  }
  const bool found = way < cache->ways;
  for (way = found ? way : cache->ways - 1; way > 0; --way) {
    tag[way] = tag[way - 1];
  }
  tag[0] = line + 1;
  cache->misses += counting && !found;
  return found;
}

static void on_access(unsigned cpu, uint32_t access, uint64_t address, void *data) {
  (void)cpu;
  const uint64_t size = UINT64_C(1) << qemu_plugin_mem_size_shift(access);
  const uint64_t last = (address + size - 1) >> LINE_SHIFT;
  if (counting) {
    ((block *)data)->bytes += size;
    ++accesses;
  }
  for (uint64_t line = address >> LINE_SHIFT; line <= last; ++line) {
    if (!hit(&l1, line)) {
      hit(&l2, line);
    }
  }
}

static void on_execution(unsigned cpu, void *data) {
  (void)cpu;
  block *const own = data;
  if (own->address == begin_address) {
    counting = true;
  } else if (own->address == end_address) {
    counting = false;
  } else if (counting) {
    ++own->executions;
  }
}

static void on_block(plugin_id id, plugin_block *translated) {
  (void)id;
  block *const own = calloc(1, sizeof *own);
  own->address = qemu_plugin_tb_vaddr(translated);
  own->instructions = qemu_plugin_tb_n_insns(translated);
  own->next = blocks;
  blocks = own;
  qemu_plugin_register_vcpu_tb_exec_cb(translated, on_execution, NO_REGISTERS, own);
  for (size_t i = 0; i < own->instructions; ++i) {
    qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(translated, i), on_access, NO_REGISTERS, READ_AND_WRITE,
                                     own);
  }
}

static void write_counts(plugin_id id, void *data) {
  (void)id;
  (void)data;
  FILE *const out = fopen(out_path, "w");
  if (out == NULL) {
    perror(out_path);
    _Exit(1);
  }
  for (const block *own = blocks; own != NULL; own = own->next) {
    if (own->executions > 0) {
      fprintf(out, "block %llx %llu %llu %llu\n", (unsigned long long)own->address,
              (unsigned long long)own->instructions, (unsigned long long)own->executions,
              (unsigned long long)own->bytes);
    }
  }
  fprintf(out, "cache %llu %llu %llu\n", (unsigned long long)accesses, (unsigned long long)l1.misses,
          (unsigned long long)l2.misses);
  fclose(out);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "begin=", 6) == 0) {
      begin_address = strtoull(argv[i] + 6, NULL, 0);
    } else if (strncmp(argv[i], "end=", 4) == 0) {
      end_address = strtoull(argv[i] + 4, NULL, 0);
    } else if (strncmp(argv[i], "out=", 4) == 0) {
      out_path = strdup(argv[i] + 4);
    }
  }
  if (begin_address == 0 || end_address == 0 || out_path == NULL) {
    return 1;
  }
  l1.tag = calloc(l1.sets, sizeof *l1.tag);
  l2.tag = calloc(l2.sets, sizeof *l2.tag);
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
  qemu_plugin_register_atexit_cb(id, write_counts, NULL);
  return 0;
}
