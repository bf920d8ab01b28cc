/* Lane detection by Fourier transforms, CEDR's variant `track_fft` (UA-RCL/CEDR 96eeda6).
 *
 * One two-dimensional transform of the grey image and one of each of four filters, products of the spectra in a chain, two
 * transforms back; then the lane (lane.h). All calls are blocking. For a picture of 960 x 540 pixels the transforms are of
 * 1024 x 1024 points: 10,240 FFT, 4,096 IFFT, 4 ZIP.
 *
 * Reads ./input/image.ppm, writes ./output/image.ppm with the lane in it, prints the lane. An argument is the name of a file
 * for the gradient image: lane_detection gradient.npy.
 */
#include <dash.h>

#include "lane.h"

/* n x n complex numbers. Of a spectrum, the transposed: rows are columns. */
typedef struct {
  size_t n;
  dash_cmplx_flt_type *at;
} plane;

static plane new_plane(size_t n) {
  return (plane){n, (dash_cmplx_flt_type *)allocate(n * n, sizeof(dash_cmplx_flt_type))};
}

static void transpose(plane p) {
  for (size_t i = 0; i < p.n; ++i) {
    for (size_t j = i + 1; j < p.n; ++j) {
      const dash_cmplx_flt_type upper = p.at[i * p.n + j];
      p.at[i * p.n + j] = p.at[j * p.n + i];
      p.at[j * p.n + i] = upper;
    }
  }
}

static void transform_rows(plane p, bool forward) {
  for (size_t row = 0; row < p.n; ++row) {
    DASH_FFT_flt(p.at + row * p.n, p.at + row * p.n, p.n, forward);
  }
}

/* From numbers to the transposed spectrum, and from that to numbers. */
static void transform(plane p, bool forward) {
  transform_rows(p, forward);
  transpose(p);
  transform_rows(p, forward);
}

/* spectrum *= the conjugate of the spectrum of a size x size filter, so that it correlates. The filter stands at the origin
 * with its first element, not its middle: what is correlated is moved up and to the left. */
static void correlate(plane spectrum, const float *filter, size_t size, plane product) {
  const size_t n = spectrum.n;
  const plane other = new_plane(n);
  for (size_t row = 0; row < size; ++row) {
    for (size_t column = 0; column < size; ++column) {
      other.at[row * n + column].re = filter[row * size + column];
    }
  }
  transform(other, true);
  for (size_t i = 0; i < n * n; ++i) {
    other.at[i].im = -other.at[i].im;
  }
  DASH_ZIP_flt(spectrum.at, other.at, product.at, n * n, ZIP_MULT);
  free(other.at);
}

static void blur(plane spectrum, int size) {
  double *const exact = (double *)allocate((size_t)(size * size), sizeof *exact);
  float *const weights = (float *)allocate((size_t)(size * size), sizeof *weights);
  gaussian(size, exact);
  for (int i = 0; i < size * size; ++i) {
    weights[i] = (float)exact[i];
  }
  correlate(spectrum, weights, (size_t)size, spectrum);
  free(exact);
  free(weights);
}

/* Real parts of the spectrum correlated with a Sobel filter. */
static void differentiate(plane spectrum, const float *filter, int height, int width, float *result) {
  const plane product = new_plane(spectrum.n);
  correlate(spectrum, filter, 3, product);
  transform(product, false);
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      result[(size_t)row * (size_t)width + (size_t)column] = product.at[(size_t)row * product.n + (size_t)column].re;
    }
  }
  free(product.at);
}

/* The power of two that holds the picture and what the filters reach beyond it, so that nothing comes round. */
static size_t transform_size(picture image) {
  const int needed = (image.height > image.width ? image.height : image.width) + FIRST_BLUR - 1 + SECOND_BLUR - 1 + 2;
  size_t n = 1;
  while (n < (size_t)needed) {
    n *= 2;
  }
  return n;
}

static gradient gradient_of(picture image) {
  const int height = image.height, width = image.width;
  const plane spectrum = new_plane(transform_size(image));
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      const uint8_t *const rgb = image.rgb + 3 * ((size_t)row * (size_t)width + (size_t)column);
      spectrum.at[(size_t)row * spectrum.n + (size_t)column].re =
          (float)(0.299 * rgb[0] + 0.587 * rgb[1] + 0.144 * rgb[2]); /* .144 is the application's own */
    }
  }
  transform(spectrum, true);
  blur(spectrum, FIRST_BLUR);
  blur(spectrum, SECOND_BLUR);
  const gradient found = new_gradient(height, width);
  differentiate(spectrum, SOBEL_X, height, width, found.x);
  differentiate(spectrum, SOBEL_Y, height, width, found.y);
  free(spectrum.at);
  for (size_t i = 0; i < (size_t)height * (size_t)width; ++i) {
    found.magnitude[i] = sqrtf(found.x[i] * found.x[i] + found.y[i] * found.y[i]);
  }
  return found;
}

int main(int argc, char **argv) {
  const picture image = read_picture();
  const gradient found = gradient_of(image);
  show_lane(image, found, argc > 1 ? argv[1] : NULL, 5, 15, 10);
  free(found.magnitude);
  free(image.rgb);
  return 0;
}
