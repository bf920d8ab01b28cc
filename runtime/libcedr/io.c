/* Files: .npy arrays, .safetensors weights. No state of its own: several threads may read and write at once. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

typedef struct {
  const char *name;        /* ours */
  const char *npy;         /* NumPy's descr */
  const char *safetensors; /* safetensors' dtype */
  size_t size_bytes;
} dtype_info;

/* By cedr_dtype. */
static const dtype_info dtypes[] = {
    {"f64", "<f8", "F64", 8}, {"f32", "<f4", "F32", 4}, {"i64", "<i8", "I64", 8},   {"i32", "<i4", "I32", 4},
    {"i16", "<i2", "I16", 2}, {"i8", "|i1", "I8", 1},   {"u8", "|u1", "U8", 1},     {"i1", "|b1", "BOOL", 1},
    {"c64", "<c8", "C64", 8}, {"f16", "<f2", "F16", 2}, {"bf16", "<u2", "BF16", 2},
};

const char *cedr_dtype_name(cedr_dtype dtype) {
  return dtypes[dtype].name;
}

size_t cedr_dtype_size(cedr_dtype dtype) {
  return dtypes[dtype].size_bytes;
}

int64_t cedr_element_count(const cedr_tensor *tensor) {
  int64_t count = 1;
  for (int32_t i = 0; i < tensor->rank; ++i) {
    count *= tensor->shape[i];
  }
  return count;
}

size_t cedr_size_bytes(const cedr_tensor *tensor) {
  return (size_t)cedr_element_count(tensor) * cedr_dtype_size(tensor->dtype);
}

cedr_file cedr_map_file(const char *path) {
  const int descriptor = open(path, O_RDONLY);
  if (descriptor < 0) {
    cedr_fail("%s: %s", path, strerror(errno));
  }
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    cedr_fail("%s: not a regular file", path);
  }
  cedr_file file = {(const unsigned char *)"", (size_t)status.st_size};
  if (file.size > 0) {
    void *data = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
      cedr_fail("%s: %s", path, strerror(errno));
    }
    file.data = (const unsigned char *)data;
  }
  close(descriptor);
  return file;
}

void cedr_unmap_file(const cedr_file *file) {
  if (file->size > 0) {
    munmap((void *)(uintptr_t)file->data, file->size);
  }
}

/* "[1, 3, 224, 224]" of a tensor. */
typedef struct {
  char text[16 + CEDR_MAX_RANK * 22];
} shape_text;

static shape_text text_of_shape(int32_t rank, const int64_t *shape) {
  shape_text result = {"["};
  size_t used = 1;
  for (int32_t i = 0; i < rank; ++i) {
    used += (size_t)snprintf(result.text + used, sizeof result.text - used, "%s%" PRId64, i > 0 ? ", " : "", shape[i]);
  }
  snprintf(result.text + used, sizeof result.text - used, "]");
  return result;
}

/* The text behind 'key': in a .npy header (a Python dict literal), or NULL. */
static const char *npy_value(const char *header, const char *key) {
  const char *found = strstr(header, key);
  if (found == NULL) {
    return NULL;
  }
  found += strlen(key);
  while (*found == ' ' || *found == ':') {
    ++found;
  }
  return found;
}

void cedr_read_npy(const char *path, const cedr_tensor *tensor, void *data) {
  const cedr_file file = cedr_map_file(path);
  if (file.size < 10 || memcmp(file.data, "\x93NUMPY", 6) != 0) {
    cedr_fail("%s: not a .npy file", path);
  }
  const bool long_header = file.data[6] >= 2;
  size_t header_size = (size_t)file.data[8] | (size_t)file.data[9] << 8;
  size_t start = 10;
  if (long_header) {
    if (file.size < 12) {
      cedr_fail("%s: cut short within its header", path);
    }
    header_size |= (size_t)file.data[10] << 16 | (size_t)file.data[11] << 24;
    start = 12;
  }
  if (header_size > file.size - start) {
    cedr_fail("%s: cut short within its header", path);
  }
  char *header = (char *)cedr_allocate(header_size + 1, 1);
  memcpy(header, file.data + start, header_size);
  const char *descr = npy_value(header, "'descr'");
  const char *order = npy_value(header, "'fortran_order'");
  const char *shape = npy_value(header, "'shape'");
  if (descr == NULL || order == NULL || shape == NULL || *shape != '(') {
    cedr_fail("%s: its header is not that of a .npy file", path);
  }
  const char *wanted = dtypes[tensor->dtype].npy;
  if (strncmp(descr + 1, wanted, strlen(wanted)) != 0 || descr[1 + strlen(wanted)] != descr[0]) {
    const char *end = strchr(descr + 1, descr[0]);
    const int length = end == NULL ? 0 : (int)(end - descr - 1);
    cedr_fail("%s: '%s' is %s (%s), the file holds '%.*s'", path, tensor->name, cedr_dtype_name(tensor->dtype), wanted,
              length, descr + 1);
  }
  if (strncmp(order, "False", 5) != 0) {
    cedr_fail("%s: stored in Fortran order; save it with numpy.ascontiguousarray", path);
  }
  int64_t found[CEDR_MAX_RANK] = {0};
  int32_t rank = 0;
  for (const char *at = shape + 1; *at != ')' && *at != '\0';) {
    if (*at >= '0' && *at <= '9') {
      char *end = NULL;
      const int64_t size = strtoll(at, &end, 10);
      if (rank < CEDR_MAX_RANK) {
        found[rank] = size;
      }
      ++rank;
      at = end;
    } else {
      ++at;
    }
  }
  const bool same_rank = rank == tensor->rank;
  if (!same_rank || memcmp(found, tensor->shape, (size_t)rank * sizeof found[0]) != 0) {
    const shape_text got = text_of_shape(rank < CEDR_MAX_RANK ? rank : CEDR_MAX_RANK, found);
    cedr_fail("%s: '%s' has shape %s, the file holds %s", path, tensor->name,
              text_of_shape(tensor->rank, tensor->shape).text, got.text);
  }
  if (file.size - start - header_size != cedr_size_bytes(tensor)) {
    cedr_fail("%s: holds %zu bytes of data instead of %zu", path, file.size - start - header_size,
              cedr_size_bytes(tensor));
  }
  memcpy(data, file.data + start + header_size, cedr_size_bytes(tensor));
  cedr_release(header);
  cedr_unmap_file(&file);
}

void cedr_write_npy(const char *path, const cedr_tensor *tensor, const void *data) {
  char header[128 + CEDR_MAX_RANK * 22];
  size_t used = (size_t)snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                                 dtypes[tensor->dtype].npy);
  for (int32_t i = 0; i < tensor->rank; ++i) {
    used += (size_t)snprintf(header + used, sizeof header - used, "%" PRId64 ",%s", tensor->shape[i],
                             i + 1 < tensor->rank ? " " : "");
  }
  used += (size_t)snprintf(header + used, sizeof header - used, "), }");
  while ((10 + used + 1) % 64 != 0) { /* NumPy wants the data aligned to 64 bytes */
    header[used++] = ' ';
  }
  header[used++] = '\n';
  const unsigned char prefix[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(used & 0xff),
                                    (unsigned char)(used >> 8)};
  char *temporary = (char *)cedr_allocate(strlen(path) + 64, 1);
  sprintf(temporary, "%s.%ld.%p.tmp", path, (long)getpid(), (void *)temporary); /* no two threads have the same */
  FILE *file = fopen(temporary, "wb");
  if (file == NULL) {
    cedr_fail("%s: %s", path, strerror(errno));
  }
  const size_t size_bytes = cedr_size_bytes(tensor);
  bool written = fwrite(prefix, 1, sizeof prefix, file) == sizeof prefix && fwrite(header, 1, used, file) == used &&
                 fwrite(data, 1, size_bytes, file) == size_bytes;
  written = fclose(file) == 0 && written;
  if (!written || rename(temporary, path) != 0) {
    const int reason = errno;
    remove(temporary);
    cedr_fail("%s: %s", path, strerror(reason));
  }
  cedr_release(temporary);
}

/* A cursor in the JSON header of a .safetensors file. */
typedef struct {
  const char *path;
  const char *at;
  const char *end;
} json_cursor;

static void json_expect(json_cursor *json, char wanted) {
  while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\t')) {
    ++json->at;
  }
  if (json->at >= json->end || *json->at != wanted) {
    cedr_fail("%s: damaged header, '%c' expected", json->path, wanted);
  }
  ++json->at;
}

static bool json_accept(json_cursor *json, char wanted) {
  while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\t')) {
    ++json->at;
  }
  if (json->at < json->end && *json->at == wanted) {
    ++json->at;
    return true;
  }
  return false;
}

/* A string without its quotes, escapes kept as they stand. */
static const char *json_string(json_cursor *json, size_t *length) {
  json_expect(json, '"');
  const char *start = json->at;
  while (json->at < json->end && *json->at != '"') {
    json->at += *json->at == '\\' ? 2 : 1;
  }
  *length = (size_t)(json->at - start);
  json_expect(json, '"');
  return start;
}

static int64_t json_integer(json_cursor *json) {
  json_accept(json, ' ');
  int64_t value = 0;
  const char *start = json->at;
  while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
    value = value * 10 + (*json->at++ - '0');
  }
  if (json->at == start) {
    cedr_fail("%s: damaged header, a number expected", json->path);
  }
  return value;
}

/* Skips any value. */
static void json_skip(json_cursor *json) {
  int depth = 0;
  do {
    if (json_accept(json, '{') || json_accept(json, '[')) {
      ++depth;
    } else if (json_accept(json, '}') || json_accept(json, ']')) {
      --depth;
    } else if (json->at < json->end && *json->at == '"') {
      size_t length;
      json_string(json, &length);
    } else if (json_accept(json, ',') || json_accept(json, ':')) {
      continue;
    } else if (json->at < json->end) { /* a number or a literal */
      while (json->at < json->end && strchr(",:]} \n\t", *json->at) == NULL) {
        ++json->at;
      }
    } else {
      cedr_fail("%s: damaged header", json->path);
    }
  } while (depth > 0);
}

static bool same_text(const char *text, size_t length, const char *wanted) {
  return strlen(wanted) == length && memcmp(text, wanted, length) == 0;
}

/* One entry of the header: {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}. */
static void read_entry(json_cursor *json, const cedr_tensor *weight, const unsigned char *data, size_t data_size,
                       void **result) {
  int64_t begin = -1;
  int64_t end = -1;
  json_expect(json, '{');
  do {
    size_t length;
    const char *key = json_string(json, &length);
    json_expect(json, ':');
    if (same_text(key, length, "dtype")) {
      const char *dtype = json_string(json, &length);
      if (!same_text(dtype, length, dtypes[weight->dtype].safetensors)) {
        cedr_fail("%s: weight '%s' is %.*s, the module wants %s", json->path, weight->name, (int)length, dtype,
                  dtypes[weight->dtype].safetensors);
      }
    } else if (same_text(key, length, "shape")) {
      int64_t shape[CEDR_MAX_RANK] = {0};
      int32_t rank = 0;
      json_expect(json, '[');
      while (!json_accept(json, ']')) {
        const int64_t size = json_integer(json);
        if (rank < CEDR_MAX_RANK) {
          shape[rank] = size;
        }
        ++rank;
        json_accept(json, ',');
      }
      if (rank != weight->rank || memcmp(shape, weight->shape, (size_t)rank * sizeof shape[0]) != 0) {
        cedr_fail("%s: weight '%s' has another shape than the module wants, %s", json->path, weight->name,
                  text_of_shape(weight->rank, weight->shape).text);
      }
    } else if (same_text(key, length, "data_offsets")) {
      json_expect(json, '[');
      begin = json_integer(json);
      json_expect(json, ',');
      end = json_integer(json);
      json_expect(json, ']');
    } else {
      json_skip(json);
    }
  } while (json_accept(json, ','));
  json_expect(json, '}');
  const size_t size_bytes = cedr_size_bytes(weight);
  if (begin < 0 || end < begin || (size_t)end > data_size || (size_t)(end - begin) != size_bytes) {
    cedr_fail("%s: weight '%s' lies outside of the file", json->path, weight->name);
  }
  const unsigned char *bytes = data + begin;
  if ((uintptr_t)bytes % 16 != 0) { /* not aligned for its element: a copy is */
    void *copy = cedr_allocate(size_bytes, 1);
    memcpy(copy, bytes, size_bytes);
    bytes = (const unsigned char *)copy;
  }
  *result = (void *)(uintptr_t)bytes;
}

static uint64_t hash_text(const char *text, size_t length) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (size_t i = 0; i < length; ++i) {
    hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
  }
  return hash;
}

void cedr_read_weights(const char *path, const cedr_file *file, const cedr_tensor *weights, int32_t count,
                       void **weight) {
  uint64_t header_size = 0;
  for (int i = 0; i < 8 && file->size >= 8; ++i) {
    header_size |= (uint64_t)file->data[i] << (8 * i);
  }
  if (file->size < 8 || header_size > file->size - 8) {
    cedr_fail("%s: not a .safetensors file", path);
  }
  size_t buckets = 16;
  while (buckets < (size_t)count * 2) {
    buckets *= 2;
  }
  int32_t *table = (int32_t *)cedr_allocate(buckets, sizeof *table); /* open addressing, weight index + 1 */
  for (int32_t i = 0; i < count; ++i) {
    size_t slot = hash_text(weights[i].name, strlen(weights[i].name)) & (buckets - 1);
    while (table[slot] != 0) {
      slot = (slot + 1) & (buckets - 1);
    }
    table[slot] = i + 1;
  }
  const char *header = (const char *)file->data + 8;
  json_cursor json = {path, header, header + header_size};
  const unsigned char *data = file->data + 8 + header_size;
  json_expect(&json, '{');
  do {
    size_t length;
    const char *name = json_string(&json, &length);
    json_expect(&json, ':');
    size_t slot = hash_text(name, length) & (buckets - 1);
    while (table[slot] != 0 && !same_text(name, length, weights[table[slot] - 1].name)) {
      slot = (slot + 1) & (buckets - 1);
    }
    if (table[slot] == 0) {
      json_skip(&json);
    } else {
      const int32_t i = table[slot] - 1;
      read_entry(&json, &weights[i], data, file->size - 8 - (size_t)header_size, &weight[i]);
    }
  } while (json_accept(&json, ','));
  cedr_release(table);
  for (int32_t i = 0; i < count; ++i) {
    if (weight[i] == NULL) {
      cedr_fail("%s: holds no weight '%s'", path, weights[i].name);
    }
  }
}
