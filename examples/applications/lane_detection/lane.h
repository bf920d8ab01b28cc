/* What the two lane detections share: pictures in and out, and all that follows the gradient image: edges, region of
 * interest, lines, lane, drawing.
 *
 * The steps are those of CEDR's lane detection (UA-RCL/CEDR 96eeda6). They are integer arithmetic and comparisons but for
 * one angle, so that this and the same steps in Python (frontend/zoo/lane_lines.py) find the same lines, bit by bit, on
 * every machine. Images are row-major; points are (x, y), y downwards.
 *
 * With -DUSE_PNG (and -lpng) the picture is ./input/image.png instead of ./input/image.ppm, and so is the output.
 */
#ifndef LANE_H
#define LANE_H

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef USE_PNG
#include <png.h>
#define PICTURE_SUFFIX ".png"
#else
#define PICTURE_SUFFIX ".ppm"
#endif

#define INPUT_PATH "./input/image" PICTURE_SUFFIX
#define OUTPUT_PATH "./output/image" PICTURE_SUFFIX

enum { SMALLEST_SIDE = 8, LARGEST_SIDE = 8192 };

typedef struct {
  int height, width;
  uint8_t *rgb; /* height x width x 3 */
} picture;

/* height x width each */
typedef struct {
  int height, width;
  float *magnitude, *x, *y;
} gradient;

/* Where the markings are in one row: columns of the left and the right one. */
typedef struct {
  bool found;
  int left, right, row;
} lane;

/* ---- errors and memory ---- */

_Noreturn static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("lane detection: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

/* `count` zeroed elements; free() frees them. */
static void *allocate(size_t count, size_t element_bytes) {
  void *const memory = calloc(count, element_bytes);
  if (memory == NULL) {
    fail("no memory for %zu elements of %zu bytes", count, element_bytes);
  }
  return memory;
}

static FILE *open_file(const char *path, const char *mode) {
  FILE *const file = fopen(path, mode);
  if (file == NULL) {
    fail("%s: %s", path, strerror(errno));
  }
  return file;
}

static void close_written(FILE *file, const char *path) {
  const bool failed = ferror(file) != 0;
  if (fclose(file) != 0 || failed) {
    fail("%s: %s", path, strerror(errno));
  }
}

/* ---- pictures ---- */

static picture new_picture(long height, long width) {
  if (height < SMALLEST_SIDE || width < SMALLEST_SIDE || height > LARGEST_SIDE || width > LARGEST_SIDE) {
    fail(INPUT_PATH ": %ld x %ld pixels; each side has %d to %d", width, height, (int)SMALLEST_SIDE, (int)LARGEST_SIDE);
  }
  return (picture){(int)height, (int)width, (uint8_t *)allocate((size_t)height * (size_t)width * 3, 1)};
}

#ifdef USE_PNG

static picture read_picture(void) {
  png_image png = {.version = PNG_IMAGE_VERSION};
  if (!png_image_begin_read_from_file(&png, INPUT_PATH)) {
    fail(INPUT_PATH ": %s", png.message);
  }
  png.format = PNG_FORMAT_RGB;
  const picture image = new_picture((long)png.height, (long)png.width);
  if (!png_image_finish_read(&png, NULL, image.rgb, 0, NULL)) {
    fail(INPUT_PATH ": %s", png.message);
  }
  return image;
}

static void write_picture(picture image) {
  png_image png = {.version = PNG_IMAGE_VERSION,
                   .width = (png_uint_32)image.width,
                   .height = (png_uint_32)image.height,
                   .format = PNG_FORMAT_RGB};
  if (!png_image_write_to_file(&png, OUTPUT_PATH, 0, image.rgb, 0, NULL)) {
    fail(OUTPUT_PATH ": %s", png.message);
  }
}

#else

/* The next number of a PPM file's header, after blanks and comments; -1 if there is none. One blank after it is read. */
static long header_number(FILE *file) {
  int c = fgetc(file);
  while (c == '#' || c == ' ' || c == '\t' || c == '\r' || c == '\n') {
    while (c == '#' && (c = fgetc(file)) != '\n' && c != EOF) {
      c = '#';
    }
    c = fgetc(file);
  }
  long number = c >= '0' && c <= '9' ? 0 : -1;
  for (; c >= '0' && c <= '9'; c = fgetc(file)) {
    number = number < 1000000 ? 10 * number + (c - '0') : number;
  }
  return number;
}

static picture read_picture(void) {
  FILE *const file = open_file(INPUT_PATH, "rb");
  if (fgetc(file) != 'P' || fgetc(file) != '6') {
    fail(INPUT_PATH ": not a PPM file: it does not begin with P6");
  }
  const long width = header_number(file), height = header_number(file), largest = header_number(file);
  if (largest != 255) {
    fail(INPUT_PATH ": a PPM file with values up to %ld; up to 255 are read", largest);
  }
  const picture image = new_picture(height, width);
  const size_t size_bytes = (size_t)height * (size_t)width * 3;
  const size_t read_bytes = fread(image.rgb, 1, size_bytes, file);
  if (read_bytes != size_bytes) {
    fail(INPUT_PATH ": ends after %zu of %zu bytes of pixels", read_bytes, size_bytes);
  }
  fclose(file);
  return image;
}

static void write_picture(picture image) {
  FILE *const file = open_file(OUTPUT_PATH, "wb");
  fprintf(file, "P6\n%d %d\n255\n", image.width, image.height);
  fwrite(image.rgb, 3, (size_t)image.height * (size_t)image.width, file);
  close_written(file, OUTPUT_PATH);
}

#endif

static gradient new_gradient(int height, int width) {
  const size_t count = (size_t)height * (size_t)width;
  float *const numbers = (float *)allocate(3 * count, sizeof *numbers);
  return (gradient){height, width, numbers, numbers + count, numbers + 2 * count};
}

/* As a NumPy file: float32 [3, height, width], magnitude, x and y. */
static void write_gradient(gradient image, const char *path) {
  FILE *const file = open_file(path, "wb");
  char header[119];
  const int length = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, %d, %d), }",
                              image.height, image.width);
  memset(header + length, ' ', sizeof header - (size_t)length);
  header[sizeof header - 1] = '\n';
  fwrite("\x93NUMPY\x01\x00v", 1, 9, file); /* version 1.0, a header of 'v' = 118 bytes */
  fputc(0, file);
  fwrite(header, 1, sizeof header - 1, file);
  fwrite(image.magnitude, sizeof *image.magnitude, 3 * (size_t)image.height * (size_t)image.width, file);
  close_written(file, path);
}

/* ---- edges ---- */

static float larger(float a, float b) { return a > b ? a : b; }

/* Makes 0 of all pixels of the magnitude that are no edges, in raster order and in place, so that the neighbours above and
 * to the left are those that are left. On the border there are no edges. A pixel whose gradient's angle is exactly 0, 45, 90
 * or 135 degrees has to be as large as both its neighbours along it (with pi as the application has it, 3.141593, no angle
 * but 0 is exactly one of them); one below 40 is none; one between 40 and 50 has to have one of its four neighbours above
 * 50. */
static void keep_edges(gradient image) {
  const int height = image.height, width = image.width;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      const size_t here = (size_t)row * (size_t)width + (size_t)column;
      float *const v = image.magnitude + here;
      if (row == 0 || column == 0 || row == height - 1 || column == width - 1 || *v < 40) {
        *v = 0;
        continue;
      }
      double angle = atan2(image.y[here], image.x[here]) * 180 / 3.141593;
      angle += angle < 0 ? 180 : 0;
      const ptrdiff_t one = angle == 0 ? 1 : angle == 45 ? 1 - width : angle == 90 ? -width : angle == 135 ? -width - 1 : 0;
      if (*v < v[one] || *v < v[-one]) {
        *v = 0;
      } else if (*v > 40 && *v < 50 && !(larger(larger(v[-width], v[width]), larger(v[-1], v[1])) > 50)) {
        *v = 0;
      }
    }
  }
}

/* ---- region of interest ---- */

typedef struct {
  int x, y;
} point;

static long area(point a, point b, point c) {
  return labs((long)a.x * (b.y - c.y) + (long)b.x * (c.y - a.y) + (long)c.x * (a.y - b.y)) / 2;
}

/* Whether the three triangles that p makes with two corners have together the triangle's area, all rounded down. */
static bool within(point p, point a, point b, point c) {
  return area(p, b, c) + area(a, p, c) + area(a, b, p) == area(a, b, c);
}

/* The middle half of the lower two fifths, and on either side of it a triangle that widens it towards the bottom. */
static bool of_interest(point p, int height, int width) {
  const int top = 3 * height / 5, left = width / 4, right = 3 * width / 4, margin = width / 24;
  if (p.y < top) {
    return false;
  }
  if (p.x >= left && p.x < right) {
    return true;
  }
  if (p.x >= margin && p.x <= left) {
    return within(p, (point){left, top}, (point){left, height}, (point){margin, height});
  }
  if (p.x >= right && p.x <= width - margin) {
    return within(p, (point){right, top}, (point){right, height}, (point){width - margin, height});
  }
  return false;
}

/* ---- random numbers ---- */

/* glibc's rand() after srand(1): the additive feedback generator of its stdlib/random_r.c, r[i] = r[i-3] + r[i-31]. It is
 * here so that the lines are the same with every C library, and whatever else draws numbers. */
typedef struct {
  uint32_t state[31];
  int next;
} generator;

static uint32_t draw_number(generator *random) {
  const int i = random->next;
  random->state[i] += random->state[(i + 28) % 31];
  random->next = (i + 1) % 31;
  return random->state[i] >> 1;
}

static generator new_generator(void) {
  generator random = {.state = {1}, .next = 3};
  for (int i = 1; i < 31; ++i) {
    random.state[i] = (uint32_t)(UINT64_C(16807) * random.state[i - 1] % 2147483647);
  }
  for (int i = 0; i < 310; ++i) {
    draw_number(&random);
  }
  return random;
}

/* ---- lines ---- */

/* The progressive probabilistic Hough transform: Matas, Galambos and Kittler, "Robust detection of lines using the
 * progressive probabilistic Hough transform", 2000; the steps as in OpenCV. Points vote one by one, drawn at random; where
 * the votes of a point's best angle reach THRESHOLD, the line is followed in both directions and its points are taken out. */
enum { ANGLES = 180, SHIFT = 16, THRESHOLD = 30, LENGTH = 30, GAP = 200 };

typedef struct {
  int height, width, distances;
  bool *edge;     /* height x width */
  int32_t *votes; /* ANGLES x distances */
  int64_t cosine[ANGLES], sine[ANGLES];
} hough;

typedef struct {
  point end[2];
} line;

/* The votes for the line at this angle through a point. */
static int32_t *votes_of(const hough *h, point p, int angle) {
  const int64_t origin = ((int64_t)(h->distances / 2) << SHIFT) + (1 << (SHIFT - 1));
  const int64_t distance = (p.x * h->cosine[angle] + p.y * h->sine[angle] + origin) >> SHIFT;
  return h->votes + (size_t)angle * (size_t)h->distances + (size_t)distance;
}

/* Votes; the angle with the most votes, or -1 if they are too few. */
static int vote(hough *h, point p) {
  int best = -1;
  int32_t most = THRESHOLD - 1;
  for (int angle = 0; angle < ANGLES; ++angle) {
    const int32_t votes = ++*votes_of(h, p, angle);
    if (votes > most) {
      most = votes;
      best = angle;
    }
  }
  return best;
}

/* A walk along a line from one of its pixels: whole pixels in one direction, 16-bit fixed-point numbers in the other. */
typedef struct {
  bool flat; /* whether it is x that goes on by whole pixels */
  int position, step;
  int64_t other, slope;
} walk;

static walk start_walk(const hough *h, point p, int angle, int direction) {
  const int64_t right = -h->sine[angle], down = h->cosine[angle];
  const bool flat = llabs(right) > llabs(down);
  const int64_t along = flat ? right : down, across = flat ? down : right;
  const int64_t slope = ((llabs(across) << SHIFT) + llabs(along) / 2) / llabs(along);
  return (walk){flat, flat ? p.x : p.y, along > 0 ? direction : -direction,
                ((int64_t)(flat ? p.y : p.x) << SHIFT) + (1 << (SHIFT - 1)), across < 0 ? -direction * slope : direction * slope};
}

/* The pixel that a walk is at; false if that is outside the image. */
static bool pixel_of(const hough *h, const walk *w, point *p) {
  if (w->position < 0 || w->other < 0) {
    return false;
  }
  const int other = (int)(w->other >> SHIFT);
  *p = w->flat ? (point){w->position, other} : (point){other, w->position};
  return p->x < h->width && p->y < h->height;
}

static void go_on(walk *w) {
  w->position += w->step;
  w->other += w->slope;
}

static bool *edge_at(const hough *h, point p) { return h->edge + (size_t)p.y * (size_t)h->width + (size_t)p.x; }

/* The last edge along the line before a gap of more than GAP pixels. */
static point farthest(const hough *h, point from, int angle, int direction) {
  point end = from, p;
  int gap = 0;
  for (walk w = start_walk(h, from, angle, direction); pixel_of(h, &w, &p) && gap <= GAP; go_on(&w)) {
    if (*edge_at(h, p)) {
      end = p;
      gap = 0;
    } else {
      ++gap;
    }
  }
  return end;
}

/* Takes the line's edges out, and their votes too if it is a line to be kept. */
static void take_out(hough *h, point from, int angle, int direction, point end, bool kept) {
  point p;
  for (walk w = start_walk(h, from, angle, direction); pixel_of(h, &w, &p); go_on(&w)) {
    if (*edge_at(h, p)) {
      for (int other = 0; kept && other < ANGLES; ++other) {
        --*votes_of(h, p, other);
      }
      *edge_at(h, p) = false;
    }
    if (p.x == end.x && p.y == end.y) {
      return;
    }
  }
}

/* The line through an edge at an angle; false if it is short. Its edges are taken out. */
static bool follow(hough *h, point from, int angle, line *found) {
  found->end[0] = farthest(h, from, angle, 1);
  found->end[1] = farthest(h, from, angle, -1);
  const bool is_long =
      abs(found->end[1].x - found->end[0].x) >= LENGTH || abs(found->end[1].y - found->end[0].y) >= LENGTH;
  take_out(h, from, angle, 1, found->end[0], is_long);
  take_out(h, from, angle, -1, found->end[1], is_long);
  return is_long;
}

/* Where a line that is not level crosses a row, rounded toward 0. */
static int column_of(line l, int y) {
  const int64_t x1 = l.end[0].x, y1 = l.end[0].y, x2 = l.end[1].x, y2 = l.end[1].y;
  return (int)(((x1 - x2) * y - (x1 * y2 - y1 * x2)) / (y1 - y2));
}

/* Where a line is in a row: it is first carried on to two rows, in whole pixels. */
static int carried_on(line l, int height, int row) {
  const int top = 2 * height / 3;
  return column_of((line){{{column_of(l, top), top}, {column_of(l, height), height}}}, row);
}

/* The lane between the last line that falls and the last one that rises to the right by more than 1 in 2, in the row four
 * fifths down. The gradient's magnitude becomes 0 where there is no edge. */
static lane find_lane(gradient image) {
  const int height = image.height, width = image.width, row = 4 * height / 5;
  keep_edges(image);
  const size_t pixels = (size_t)height * (size_t)width;
  const int distances = 2 * (width + height) + 1;
  hough h = {.height = height, .width = width, .distances = distances};
  h.edge = (bool *)allocate(pixels, sizeof *h.edge);
  h.votes = (int32_t *)allocate((size_t)ANGLES * (size_t)distances, sizeof *h.votes);
  for (int angle = 0; angle < ANGLES; ++angle) {
    const double radians = angle * (3.14159265358979323846 / ANGLES);
    h.cosine[angle] = lrint(cos(radians) * (1 << SHIFT));
    h.sine[angle] = lrint(sin(radians) * (1 << SHIFT));
  }
  /* One more than there are: a number drawn may be one too large. It then means what was there before, first of all
   * (0, 0), which is no edge. */
  point *const points = (point *)allocate(pixels + 1, sizeof *points);
  size_t count = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const point p = {x, y};
      if (image.magnitude[(size_t)y * (size_t)width + (size_t)x] > 0 && of_interest(p, height, width)) {
        *edge_at(&h, p) = true;
        points[count++] = p;
      }
    }
  }
  int column[2];
  bool found[2] = {false, false};
  generator random = new_generator();
  for (; count > 0; --count) {
    const size_t index = draw_number(&random) % (count + 1);
    const point p = points[index];
    points[index] = points[count - 1];
    if (!*edge_at(&h, p)) {
      continue;
    }
    const int angle = vote(&h, p);
    line l;
    if (angle < 0 || !follow(&h, p, angle, &l) || l.end[0].x == l.end[1].x) {
      continue;
    }
    const double slope = (double)(l.end[1].y - l.end[0].y) / (l.end[1].x - l.end[0].x);
    if (slope < -0.5 || slope > 0.5) {
      column[slope > 0] = carried_on(l, height, row);
      found[slope > 0] = true;
    }
  }
  free(points);
  free(h.votes);
  free(h.edge);
  return found[0] && found[1] ? (lane){true, column[0], column[1], row} : (lane){.found = false};
}

/* ---- drawing ---- */

static int centre_of(lane l) {
  const int sum = l.left + l.right;
  return sum >= 0 ? sum / 2 : (sum - 1) / 2;
}

static void paint(picture image, int x, int y, uint8_t red, uint8_t green, uint8_t blue) {
  if (x >= 0 && y >= 0 && x < image.width && y < image.height) {
    uint8_t *const rgb = image.rgb + 3 * ((size_t)y * (size_t)image.width + (size_t)x);
    rgb[0] = red;
    rgb[1] = green;
    rgb[2] = blue;
  }
}

/* A green band between the markings, a red disc at the car, a blue one at the lane's centre. */
static void draw_lane(picture image, lane l, int half_rows, int car_radius, int lane_radius) {
  const int from = l.left < l.right ? l.left : l.right, to = l.left < l.right ? l.right : l.left;
  for (int y = l.row - half_rows; y < l.row + half_rows; ++y) {
    for (int x = from < 0 ? 0 : from; x <= to && x < image.width; ++x) {
      paint(image, x, y, 0, 255, 0);
    }
  }
  for (int disc = 0; disc < 2; ++disc) {
    const int radius = disc == 0 ? car_radius : lane_radius, column = disc == 0 ? image.width / 2 : centre_of(l);
    for (int y = -radius; y <= radius; ++y) {
      for (int x = -radius; x <= radius; ++x) {
        if (x * x + y * y <= radius * radius) {
          paint(image, column + x, l.row + y, disc == 0 ? 255 : 0, 0, disc == 0 ? 0 : 255);
        }
      }
    }
  }
}

/* The gradient to `gradient_path` if that is not NULL, the lane into the picture and onto standard output. */
static void show_lane(picture image, gradient found, const char *gradient_path, int half_rows, int car_radius,
                      int lane_radius) {
  if (gradient_path != NULL) {
    write_gradient(found, gradient_path);
  }
  const lane l = find_lane(found);
  if (l.found) {
    draw_lane(image, l, half_rows, car_radius, lane_radius);
    printf("lane (%d, %d) between (%d, %d) and (%d, %d)\n", centre_of(l), l.row, l.left, l.row, l.right, l.row);
  } else {
    puts("no lane");
  }
  write_picture(image);
}

/* ---- filters ---- */

static const float SOBEL_X[9] = {-1, 0, 1, -2, 0, 2, -1, 0, 1};
static const float SOBEL_Y[9] = {1, 2, 1, 0, 0, 0, -1, -2, -1};

enum { FIRST_BLUR = 11, SECOND_BLUR = 5 };

/* size x size: exp(-(x^2 + y^2) / s), x and y from 0, not from the middle; the sum is 1. */
static void gaussian(int size, double *weights) {
  const double spread = 2 * 0.75 * 0.75 * 3.141593;
  double sum = 0;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      sum += weights[y * size + x] = exp(-(x * x + y * y) / spread);
    }
  }
  for (int i = 0; i < size * size; ++i) {
    weights[i] /= sum;
  }
}

#endif
