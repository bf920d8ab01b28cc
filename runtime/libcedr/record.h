/* A record: written, or read to be compared with. The format is documented in docs/record.md and read by
 * cedr.runtime.record. Nothing here locks: a caller with several threads does. */
#ifndef CEDR_RECORD_H
#define CEDR_RECORD_H

#include "internal.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  CEDR_SUBMIT = 1,
  CEDR_SUBMIT_AT = 2,
  CEDR_BLOCK = 3,
  CEDR_WAIT = 4,
  CEDR_HOST = 5,
  CEDR_SPAWN = 6,
  CEDR_JOIN = 7,
  CEDR_END = 8,
  CEDR_HOST_WORK = 9,
  CEDR_DETACHED = 10
} cedr_event_kind;

/* What is known of a WAIT: in its class field. CEDR_CONTINUED: its list goes on that of the event before it.
 * CEDR_ALTERNATIVES: any of these will do as well, until as many have ended as stand there. */
enum { CEDR_INFERRED = 1, CEDR_TENTATIVE = 2, CEDR_AMBIGUOUS = 4, CEDR_CONTINUED = 8, CEDR_ALTERNATIVES = 16 };

/* How host time was found. */
typedef enum {
  CEDR_HOST_UNKNOWN,
  CEDR_HOST_OFF,
  CEDR_HOST_FIXED,
  CEDR_HOST_BLOCKS,
  CEDR_HOST_MEASURED
} cedr_host_time;

/* An event without the words that follow it. */
typedef struct {
  cedr_event_kind kind;
  uint16_t number;      /* the class, the flags or the exit code */
  uint32_t host_ns;     /* before it */
  const uint32_t *task; /* CEDR_SUBMIT_AT: its id */
} cedr_event;

/* The chunk of a stream that is being filled or read. */
typedef struct {
  struct cedr_chunk *chunk;
  unsigned char *data;
  uint64_t used;
} cedr_stream;

typedef struct {
  int file;
  const char *path;
  struct cedr_record_header *header;
  cedr_stream classes;
  cedr_file recorded;
} cedr_record;

/* One thread's part of a record. */
typedef struct {
  uint32_t thread;
  cedr_stream events;
  cedr_stream words;
  uint64_t compared; /* events so far */
  uint32_t *buffer;
  size_t buffer_capacity;
} cedr_thread_record;

/* Makes the file, which must not exist. A record that cannot be made or grow ends the program by a message. */
void cedr_record_create(cedr_record *record, const char *path, cedr_host_time host_time);
void cedr_record_class(cedr_record *record, const char *line);
/* The thread is in the record, though it may never have an event. */
void cedr_record_thread(cedr_record *record, cedr_thread_record *thread);
void cedr_record_event(cedr_record *record, cedr_thread_record *thread, cedr_event event, const uint32_t *words,
                       uint32_t count);
void cedr_record_close(cedr_record *record, bool failed);

/* One more task for the list of a thread's last event, a WAIT, which is in the file already. */
void cedr_record_wait_more(cedr_record *record, cedr_thread_record *thread, uint32_t task);

void cedr_record_open(cedr_record *record, const char *path);
/* The place of a line in the recorded table of classes; -1: it is not there. */
int32_t cedr_recorded_class(const cedr_record *record, const char *line);
/* The next event of a thread, which is not consumed; false: there is none. */
bool cedr_recorded_next(const cedr_record *record, const cedr_thread_record *thread, cedr_event *event);
/* The words of the next event, which is consumed; of a WAIT all that belong to it but alternatives. */
const uint32_t *cedr_recorded_words(const cedr_record *record, cedr_thread_record *thread, uint32_t *count);
/* Consumes the next event; what is different in it, or NULL. */
const char *cedr_record_compare(const cedr_record *record, cedr_thread_record *thread, cedr_event event,
                                const uint32_t *words, uint32_t count);

#ifdef __cplusplus
}
#endif
#endif
