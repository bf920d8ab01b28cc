/* Lane detection by four convolutions, CEDR's variant `track_2Dconv` (UA-RCL/CEDR 96eeda6): 4 blocking CONV_2D.
 *
 * Pixels are 16-bit integers; a convolution's sums are truncated toward zero. The blurs' weights are multiples of 2^-15,
 * within 2^-16 of the application's (the first takes up what that leaves of their sum, 1): then every product and every sum
 * is exact, in whatever order and precision they are added, and the result is the same on every processing element.
 *
 * Reads ./input/image.ppm, writes ./output/image.ppm with the lane in it, prints the lane. An argument is the name of a file
 * for the gradient image: lane_detection_conv2d gradient.npy.
 */
#include <dash.h>

#include "../lane_detection/lane.h"

enum { WEIGHT_STEPS = 1 << 15 };

static dash_re_int_type *new_pixels(int height, int width) {
  return (dash_re_int_type *)allocate((size_t)height * (size_t)width, sizeof(dash_re_int_type));
}

static void blur(dash_re_int_type *input, int height, int width, int size, dash_re_int_type *output) {
  double *const exact = (double *)allocate((size_t)(size * size), sizeof *exact);
  float *const weights = (float *)allocate((size_t)(size * size), sizeof *weights);
  gaussian(size, exact);
  long left = WEIGHT_STEPS;
  for (int i = size * size - 1; i >= 0; --i) {
    const long steps = i == 0 ? left : lrint(exact[i] * WEIGHT_STEPS);
    left -= steps;
    weights[i] = (float)steps / WEIGHT_STEPS;
  }
  DASH_CONV_2D_int(input, height, width, weights, size, output);
  free(exact);
  free(weights);
}

static gradient gradient_of(picture image) {
  const int height = image.height, width = image.width;
  const size_t pixels = (size_t)height * (size_t)width;
  dash_re_int_type *const grey = new_pixels(height, width), *const blurred = new_pixels(height, width);
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t *const rgb = image.rgb + 3 * i;
    grey[i] = (dash_re_int_type)((299 * rgb[0] + 587 * rgb[1] + 144 * rgb[2]) / 1000); /* 144 is the application's own */
  }
  blur(grey, height, width, FIRST_BLUR, blurred);
  blur(blurred, height, width, SECOND_BLUR, grey);
  dash_re_int_type *const x = blurred, *const y = new_pixels(height, width);
  float sobel[2][9];
  memcpy(sobel[0], SOBEL_X, sizeof SOBEL_X);
  memcpy(sobel[1], SOBEL_Y, sizeof SOBEL_Y);
  DASH_CONV_2D_int(grey, height, width, sobel[0], 3, x);
  DASH_CONV_2D_int(grey, height, width, sobel[1], 3, y);
  const gradient found = new_gradient(height, width);
  for (size_t i = 0; i < pixels; ++i) {
    found.x[i] = x[i];
    found.y[i] = y[i];
    found.magnitude[i] = sqrtf(found.x[i] * found.x[i] + found.y[i] * found.y[i]);
  }
  free(grey);
  free(blurred);
  free(y);
  return found;
}

int main(int argc, char **argv) {
  const picture image = read_picture();
  const gradient found = gradient_of(image);
  show_lane(image, found, argc > 1 ? argv[1] : NULL, 4, 12, 8);
  free(found.magnitude);
  free(image.rgb);
  return 0;
}
