/* A record as a file: chunks that are mapped one by one, entries that count once they are whole. */
#define _POSIX_C_SOURCE 200809L
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EVENTS = 1, AUX = 2, CLASSES = 3 };
enum { HEADER_BYTES = 64, CHUNK_HEADER_BYTES = 32, VERSION = 1, EVENT_BYTES = 8, COUNT_FOLLOWS = 255 };
enum { FIRST_CHUNK_BYTES = 1 << 15, CHUNK_BYTES = 1 << 20 };
enum { RUNNING = 0, ENDED = 1, ENDED_WITH_ERROR = 2 };

struct cedr_record_header {
  char magic[8];
  uint32_t version;
  uint32_t state;
  uint64_t length_bytes;
  uint32_t host_time;
  unsigned char reserved[36];
};

struct cedr_chunk {
  uint32_t kind;
  uint32_t thread;
  uint64_t capacity_bytes;
  _Atomic uint64_t used_bytes;
  uint64_t reserved;
};

/* An event in the file. */
typedef struct {
  uint8_t kind;
  uint8_t word_count;
  uint16_t number;
  uint32_t host_ns;
} entry;

_Static_assert(sizeof(struct cedr_record_header) == HEADER_BYTES, "the record's header");
_Static_assert(sizeof(struct cedr_chunk) == CHUNK_HEADER_BYTES, "a chunk's header");
_Static_assert(sizeof(entry) == EVENT_BYTES, "an event");

/* ---- writing ---- */

static void *map_part(cedr_record *record, uint64_t offset, size_t size) {
  /* Allocated before it is mapped: a full disk is a message here, not a SIGBUS later. */
  const int failure = posix_fallocate(record->file, (off_t)offset, (off_t)size);
  if (failure != 0) {
    cedr_fail("%s: %s", record->path, strerror(failure));
  }
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  const uint64_t start = offset / page * page;
  void *data = mmap(NULL, size + (size_t)(offset - start), PROT_READ | PROT_WRITE, MAP_SHARED, record->file,
                    (off_t)start);
  if (data == MAP_FAILED) {
    cedr_fail("%s: %s", record->path, strerror(errno));
  }
  return (unsigned char *)data + (offset - start);
}

void cedr_record_create(cedr_record *record, const char *path, cedr_host_time host_time) {
  *record = (cedr_record){.path = path};
  record->file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (record->file < 0) {
    cedr_fail("%s: %s%s", path, strerror(errno), errno == EEXIST ? "; a record is never overwritten" : "");
  }
  struct cedr_record_header *const header = map_part(record, 0, HEADER_BYTES);
  memcpy(header->magic, "CEDRREC1", sizeof header->magic);
  header->version = VERSION;
  header->state = RUNNING;
  header->length_bytes = HEADER_BYTES;
  header->host_time = host_time;
  record->header = header;
}

static void unmap(const cedr_stream *stream) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t start = (uintptr_t)stream->chunk / page * page;
  munmap((void *)start, (uintptr_t)stream->data + stream->chunk->capacity_bytes - start);
}

static void new_chunk(cedr_record *record, cedr_stream *stream, uint32_t kind, uint32_t thread) {
  const uint64_t last = stream->chunk == NULL ? 0 : stream->chunk->capacity_bytes;
  uint64_t capacity = last == 0 ? FIRST_CHUNK_BYTES : 2 * last;
  if (capacity > CHUNK_BYTES) {
    capacity = CHUNK_BYTES;
  }
  if (stream->chunk != NULL) {
    unmap(stream);
  }
  const uint64_t offset = record->header->length_bytes;
  stream->chunk = map_part(record, offset, CHUNK_HEADER_BYTES + capacity);
  stream->data = (unsigned char *)(stream->chunk + 1);
  stream->used = 0;
  stream->chunk->kind = kind;
  stream->chunk->thread = thread;
  stream->chunk->capacity_bytes = capacity;
  record->header->length_bytes = offset + CHUNK_HEADER_BYTES + capacity;
}

/* Appends bytes, which count once they are all there. */
static void append(cedr_record *record, cedr_stream *stream, uint32_t kind, uint32_t thread, const void *data,
                   uint64_t size) {
  const unsigned char *from = data;
  while (size > 0) {
    if (stream->chunk == NULL || stream->used == stream->chunk->capacity_bytes) {
      new_chunk(record, stream, kind, thread);
    }
    const uint64_t room = stream->chunk->capacity_bytes - stream->used;
    const uint64_t part = size < room ? size : room;
    memcpy(stream->data + stream->used, from, part);
    stream->used += part;
    atomic_store_explicit(&stream->chunk->used_bytes, stream->used, memory_order_release);
    from += part;
    size -= part;
  }
}

static void append_word(cedr_record *record, cedr_thread_record *thread, uint32_t word) {
  append(record, &thread->words, AUX, thread->thread, &word, sizeof word);
}

static void append_event(cedr_record *record, cedr_thread_record *thread, cedr_event event, uint8_t word_count) {
  const entry written = {(uint8_t)event.kind, word_count, event.number, event.host_ns};
  append(record, &thread->events, EVENTS, thread->thread, &written, sizeof written);
}

void cedr_record_class(cedr_record *record, const char *line) {
  append(record, &record->classes, CLASSES, 0, line, strlen(line));
  append(record, &record->classes, CLASSES, 0, "\n", 1);
}

void cedr_record_thread(cedr_record *record, cedr_thread_record *thread) {
  new_chunk(record, &thread->events, EVENTS, thread->thread);
}

void cedr_record_event(cedr_record *record, cedr_thread_record *thread, cedr_event event, const uint32_t *words,
                       uint32_t count) {
  const uint32_t total = count + (event.task != NULL ? 1 : 0);
  if (total >= COUNT_FOLLOWS) {
    append_word(record, thread, total);
  }
  if (event.task != NULL) {
    append_word(record, thread, *event.task);
  }
  if (count > 0) {
    append(record, &thread->words, AUX, thread->thread, words, (uint64_t)count * sizeof *words);
  }
  append_event(record, thread, event, total < COUNT_FOLLOWS ? (uint8_t)total : COUNT_FOLLOWS);
}

void cedr_record_wait_more(cedr_record *record, cedr_thread_record *thread, uint32_t task) {
  /* The last event lies in the chunk that is mapped. */
  entry *const last = (entry *)(void *)(thread->events.data + thread->events.used - sizeof *last);
  append_word(record, thread, task);
  if (last->word_count + 1 < COUNT_FOLLOWS) {
    atomic_store_explicit((_Atomic uint8_t *)&last->word_count, last->word_count + 1, memory_order_release);
  } else {
    append_event(record, thread, (cedr_event){.kind = CEDR_WAIT, .number = last->number | CEDR_CONTINUED}, 1);
  }
}

void cedr_record_close(cedr_record *record, bool failed) {
  if (record->header != NULL) {
    record->header->state = failed ? ENDED_WITH_ERROR : ENDED;
    close(record->file);
    record->header = NULL;
  }
}

/* ---- comparing ---- */

void cedr_record_open(cedr_record *record, const char *path) {
  *record = (cedr_record){.file = -1, .path = path, .recorded = cedr_map_file(path)};
  if (record->recorded.size < HEADER_BYTES || memcmp(record->recorded.data, "CEDRREC1", 8) != 0) {
    cedr_fail("%s: not a record", path);
  }
}

/* The next chunk of a stream; false: there is none. */
static bool next_chunk(const cedr_record *record, cedr_stream *stream, uint32_t kind, uint32_t thread) {
  const unsigned char *const end = record->recorded.data + record->recorded.size;
  const unsigned char *next =
      stream->chunk == NULL ? record->recorded.data + HEADER_BYTES : stream->data + stream->chunk->capacity_bytes;
  while (end - next >= CHUNK_HEADER_BYTES) {
    struct cedr_chunk *const chunk = (struct cedr_chunk *)(uintptr_t)next;
    if (chunk->capacity_bytes > (uint64_t)(end - next) - CHUNK_HEADER_BYTES ||
        chunk->used_bytes > chunk->capacity_bytes) {
      return false;
    }
    if (chunk->kind == kind && chunk->thread == thread) {
      stream->chunk = chunk;
      stream->data = (unsigned char *)(chunk + 1);
      stream->used = 0;
      return true;
    }
    next += CHUNK_HEADER_BYTES + chunk->capacity_bytes;
  }
  return false;
}

static bool take(const cedr_record *record, cedr_stream *stream, uint32_t kind, uint32_t thread, void *data,
                 uint64_t size) {
  unsigned char *to = data;
  while (size > 0) {
    if (stream->chunk == NULL || stream->used == stream->chunk->used_bytes) {
      if (!next_chunk(record, stream, kind, thread)) {
        return false;
      }
      continue;
    }
    const uint64_t there = stream->chunk->used_bytes - stream->used;
    const uint64_t part = size < there ? size : there;
    memcpy(to, stream->data + stream->used, part);
    stream->used += part;
    to += part;
    size -= part;
  }
  return true;
}

int32_t cedr_recorded_class(const cedr_record *record, const char *line) {
  cedr_stream stream = {0};
  int32_t index = 0;
  const size_t length = strlen(line);
  size_t matched = 0;
  bool same = true;
  char c;
  while (take(record, &stream, CLASSES, 0, &c, 1)) {
    if (c == '\n') {
      if (same && matched == length) {
        return index;
      }
      ++index;
      matched = 0;
      same = true;
    } else {
      same = same && matched < length && line[matched] == c;
      ++matched;
    }
  }
  return -1;
}

bool cedr_recorded_next(const cedr_record *record, const cedr_thread_record *thread, cedr_event *event) {
  cedr_stream stream = thread->events;
  entry found;
  if (!take(record, &stream, EVENTS, thread->thread, &found, sizeof found)) {
    return false;
  }
  *event = (cedr_event){.kind = (cedr_event_kind)found.kind, .number = found.number, .host_ns = found.host_ns};
  return true;
}

/* Consumes the next event and adds its words to those in the thread's buffer; false: they are not all there. */
static bool take_words(const cedr_record *record, cedr_thread_record *thread, uint32_t *count) {
  entry found;
  if (!take(record, &thread->events, EVENTS, thread->thread, &found, sizeof found)) {
    return false;
  }
  ++thread->compared;
  uint32_t more = found.word_count;
  if (more == COUNT_FOLLOWS && !take(record, &thread->words, AUX, thread->thread, &more, sizeof more)) {
    return false;
  }
  const size_t total = (size_t)*count + more;
  if (total > record->recorded.size / sizeof more) {
    return false;
  }
  if (total > thread->buffer_capacity) {
    thread->buffer_capacity = total + total / 2;
    thread->buffer = realloc(thread->buffer, thread->buffer_capacity * sizeof more);
    if (thread->buffer == NULL) {
      cedr_fail("out of memory: a list of %zu tasks", total);
    }
  }
  if (!take(record, &thread->words, AUX, thread->thread, thread->buffer + *count, (uint64_t)more * sizeof more)) {
    return false;
  }
  *count = (uint32_t)total;
  return true;
}

const uint32_t *cedr_recorded_words(const cedr_record *record, cedr_thread_record *thread, uint32_t *count) {
  cedr_event event;
  *count = 0;
  if (!cedr_recorded_next(record, thread, &event) || !take_words(record, thread, count)) {
    return NULL;
  }
  cedr_event next;
  while (event.kind == CEDR_WAIT && cedr_recorded_next(record, thread, &next) && next.kind == CEDR_WAIT &&
         (next.number & (CEDR_CONTINUED | CEDR_ALTERNATIVES)) == CEDR_CONTINUED) {
    if (!take_words(record, thread, count)) {
      return NULL;
    }
  }
  return thread->buffer;
}

const char *cedr_record_compare(const cedr_record *record, cedr_thread_record *thread, cedr_event event,
                                const uint32_t *words, uint32_t count) {
  cedr_event found;
  if (!cedr_recorded_next(record, thread, &found)) {
    return "the record ends before it";
  }
  if (found.kind != event.kind) {
    return "another kind of event was recorded";
  }
  if (found.number != event.number) {
    return event.kind == CEDR_END    ? "another exit status was recorded"
           : event.kind == CEDR_WAIT ? "another kind of wait was recorded"
                                     : "a call of another class was recorded";
  }
  uint32_t total;
  const uint64_t compared = thread->compared;
  const uint32_t *const recorded = cedr_recorded_words(record, thread, &total);
  const uint32_t named = event.task != NULL ? 1 : 0;
  const uint64_t consumed = thread->compared;
  thread->compared = compared;
  if (recorded == NULL && total > 0) {
    return "the record ends within it";
  }
  if (total != count + named) {
    return event.kind == CEDR_WAIT ? "a wait for another number of tasks was recorded"
                                   : "another number of dependencies was recorded";
  }
  if ((named > 0 && recorded[0] != *event.task) ||
      (count > 0 && memcmp(recorded + named, words, (size_t)count * sizeof *words) != 0)) {
    return event.kind == CEDR_WAIT ? "a wait for other tasks was recorded" : "other dependencies were recorded";
  }
  thread->compared = consumed;
  return NULL;
}
