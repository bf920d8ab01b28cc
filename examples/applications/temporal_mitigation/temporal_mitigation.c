/* Temporal interference mitigation: Z - Z S^H (S S^H)^-1 S. 4 calls: GEMM 4x64x4 twice, GEMM 4x4x4, GEMM 4x4x64. */
#include "../support.h"

enum { N = 4, SAMPLES = 64 };

/* The inverse of a real matrix by Gauss-Jordan elimination with exchange of rows. */
static void real_inverse(const double from[N][N], double to[N][N]) {
  double both[N][2 * N] = {{0}};
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      both[i][j] = from[i][j];
    }
    both[i][N + i] = 1;
  }
  for (int k = 0; k < N; k++) {
    int pivot = k;
    for (int i = k + 1; i < N; i++) {
      if (fabs(both[i][k]) > fabs(both[pivot][k])) {
        pivot = i;
      }
    }
    if (both[pivot][k] == 0) {
      fprintf(stderr, "the interferer's rows depend on each other: S S^H has no inverse\n");
      exit(1);
    }
    for (int j = 0; j < 2 * N; j++) {
      const double kept = both[k][j];
      both[k][j] = both[pivot][j];
      both[pivot][j] = kept;
    }
    const double scale = both[k][k];
    for (int j = 0; j < 2 * N; j++) {
      both[k][j] /= scale;
    }
    for (int i = 0; i < N; i++) {
      if (i == k) {
        continue;
      }
      const double factor = both[i][k];
      for (int j = 0; j < 2 * N; j++) {
        both[i][j] -= factor * both[k][j];
      }
    }
  }
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      to[i][j] = both[i][N + j];
    }
  }
}

static void real_product(const double a[N][N], const double b[N][N], double to[N][N]) {
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      to[i][j] = 0;
      for (int k = 0; k < N; k++) {
        to[i][j] += a[i][k] * b[k][j];
      }
    }
  }
}

/* (A + jB)^-1 = P - j R P with R = A^-1 B and P = (B R + A)^-1. */
static void complex_inverse(const dash_cmplx_flt_type *matrix, dash_cmplx_flt_type *inverse) {
  double a[N][N], b[N][N], r[N][N], p[N][N], sum[N][N], imaginary[N][N];
  for (int i = 0; i < N * N; i++) {
    a[i / N][i % N] = matrix[i].re;
    b[i / N][i % N] = matrix[i].im;
  }
  real_inverse((const double (*)[N])a, p);
  real_product((const double (*)[N])p, (const double (*)[N])b, r);
  real_product((const double (*)[N])b, (const double (*)[N])r, sum);
  for (int i = 0; i < N * N; i++) {
    sum[i / N][i % N] += a[i / N][i % N];
  }
  real_inverse((const double (*)[N])sum, p);
  real_product((const double (*)[N])r, (const double (*)[N])p, imaginary);
  for (int i = 0; i < N * N; i++) {
    inverse[i].re = (float)p[i / N][i % N];
    inverse[i].im = (float)-imaginary[i / N][i % N];
  }
}

/* [N][SAMPLES] from a file of real and one of imaginary parts, divided by 10. */
static dash_cmplx_flt_type *read_matrix(const char *real_path, const char *imaginary_path) {
  float *parts = (float *)zeros(2 * N * SAMPLES, sizeof(float));
  dash_cmplx_flt_type *matrix = complex_zeros(N * SAMPLES);
  read_numbers(real_path, parts, N * SAMPLES);
  read_numbers(imaginary_path, parts + N * SAMPLES, N * SAMPLES);
  for (size_t i = 0; i < N * SAMPLES; i++) {
    matrix[i].re = parts[i] / 10;
    matrix[i].im = parts[N * SAMPLES + i] / 10;
  }
  free(parts);
  return matrix;
}

int main(void) {
  dash_cmplx_flt_type *z = read_matrix("./input/z.txt", "./input/zimag.txt");
  dash_cmplx_flt_type *s = read_matrix("./input/s.txt", "./input/simag.txt");
  dash_cmplx_flt_type *s_h = complex_zeros(SAMPLES * N), *cancelled = complex_zeros(N * SAMPLES);
  dash_cmplx_flt_type *cross = complex_zeros(N * N), *own = complex_zeros(N * N);
  dash_cmplx_flt_type *inverse = complex_zeros(N * N), *weights = complex_zeros(N * N);
  for (size_t i = 0; i < N; i++) {
    for (size_t j = 0; j < SAMPLES; j++) {
      s_h[j * N + i] = conjugate(s[i * SAMPLES + j]);
    }
  }
#ifdef NON_BLOCKING
  size_t four = N, samples = SAMPLES;
  batch_t batch;
  batch_start(&batch);
  DASH_GEMM_flt_nb(&z, &s_h, &cross, &four, &samples, &four, &batch.barrier);
  DASH_GEMM_flt_nb(&s, &s_h, &own, &four, &samples, &four, &batch.barrier);
  batch_wait(&batch, 2);
  complex_inverse(own, inverse);
  batch_start(&batch);
  DASH_GEMM_flt_nb(&cross, &inverse, &weights, &four, &four, &four, &batch.barrier);
  batch_wait(&batch, 1);
  batch_start(&batch);
  DASH_GEMM_flt_nb(&weights, &s, &cancelled, &four, &four, &samples, &batch.barrier);
  batch_wait(&batch, 1);
#else
  DASH_GEMM_flt(z, s_h, cross, N, SAMPLES, N);
  DASH_GEMM_flt(s, s_h, own, N, SAMPLES, N);
  complex_inverse(own, inverse);
  DASH_GEMM_flt(cross, inverse, weights, N, N, N);
  DASH_GEMM_flt(weights, s, cancelled, N, N, SAMPLES);
#endif
  for (size_t i = 0; i < N * SAMPLES; i++) {
    z[i].re -= cancelled[i].re;
    z[i].im -= cancelled[i].im;
  }
  for (size_t i = 0; i < 16; i++) {
    printf("%f %f\n", z[i].re, z[i].im);
  }
  FILE *file = output_file("./output/temporal_mitigation_output.txt");
  if (file != NULL) {
    for (size_t i = 0; i < N * SAMPLES; i++) {
      fprintf(file, "%.9g %.9g\n", z[i].re, z[i].im);
    }
    fclose(file);
  }
  free(z);
  free(s);
  free(s_h);
  free(cancelled);
  free(cross);
  free(own);
  free(inverse);
  free(weights);
  return 0;
}
