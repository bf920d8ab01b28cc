/* Calls that are refused: each of these ends the application by a message. */
#include "programs.h"

static dash_cmplx_int_type integers[16], other_integers[16];
static dash_re_int_type image[64], other_image[64];
static dash_re_flt_type reals[64], mask[64], other_reals[64];

#define WRONG(name, ...)       \
  static void name(void) {     \
    block();                   \
    __VA_ARGS__;               \
    block();                   \
  }

WRONG(fft_of_100_points, DASH_FFT_flt(input, output, 100, true))
WRONG(fft_of_no_points, DASH_FFT_flt(input, output, 0, true))
WRONG(fft_of_too_many_points, DASH_FFT_flt(input, output, (size_t)1 << 62, true))
WRONG(fft_without_input, DASH_FFT_flt(NULL, output, 16, true))
WRONG(fft_without_output, DASH_FFT_flt(input, NULL, 16, false))
WRONG(integer_fft_of_3_points, DASH_FFT_int(integers, other_integers, 3, true))
WRONG(fft_of_12_points_later, {
  size_t points = 12;
  DASH_FFT_flt_nb(&input, &output, &points, &forward, NULL);
})
WRONG(fft_without_the_address_of_its_size, DASH_FFT_flt_nb(&input, &output, NULL, &forward, NULL))
WRONG(fft_without_its_input_later, {
  dash_cmplx_flt_type *none = NULL;
  DASH_FFT_flt_nb(&none, &output, &size, &forward, NULL);
})
WRONG(zip_without_second_input, DASH_ZIP_flt(input, NULL, output, 16, ADD))
WRONG(zip_of_nothing, DASH_ZIP_flt(input, input, output, 0, ADD))
WRONG(zip_by_an_unknown_operation, DASH_ZIP_flt(input, input, output, 16, (zip_op_t)7))
WRONG(zip_by_an_unknown_operation_on_integers, DASH_ZIP_int(integers, integers, other_integers, 16, (zip_op_t)9))
WRONG(integers_divided_by_zero, {
  for (int i = 0; i < 16; ++i) {
    other_integers[i].re = (dash_re_int_type)(i - 5);
  }
  DASH_ZIP_int(integers, other_integers, integers, 16, DIV);
})
WRONG(gemm_of_no_rows, DASH_GEMM_flt(input, input, output, 0, 2, 2))
WRONG(gemm_larger_than_memory, DASH_GEMM_flt(input, input, output, (size_t)1 << 40, (size_t)1 << 40, 2))
WRONG(gemm_in_place, DASH_GEMM_flt(input, output, output, 2, 2, 2))
WRONG(gemm_onto_part_of_its_input, DASH_GEMM_int(integers, other_integers, integers + 3, 2, 2, 2))
WRONG(madd_of_no_columns, DASH_BLAS_MADD_flt(input, input, output, 2, 0))
WRONG(transpose_in_place, DASH_BLAS_TRANSPOSE_flt(input, input, 4, 4, false))
WRONG(bpsk_without_output, DASH_BPSK_flt(input, NULL, 16))
WRONG(qam16_of_nothing, DASH_QAM16_flt(input, (int[]){0}, 0))
WRONG(conv_2d_of_a_negative_height, DASH_CONV_2D_int(image, -1, 8, mask, 3, other_image))
WRONG(conv_2d_with_an_empty_mask, DASH_CONV_2D_int(image, 8, 8, mask, 0, other_image))
WRONG(conv_2d_in_place, DASH_CONV_2D_int(image, 8, 8, mask, 3, image))
WRONG(conv_1d_of_nothing, DASH_CONV_1D_flt(reals, 0, mask, 3, other_reals))
WRONG(conv_1d_in_place, DASH_CONV_1D_flt(reals, 64, mask, 3, reals))
WRONG(barrier_without_a_condition, {
  uint32_t counter = 0;
  cedr_barrier_t barrier = {NULL, &mutex, &counter};
  submit(1, &barrier);
})
WRONG(barrier_without_a_mutex, {
  uint32_t counter = 0;
  cedr_barrier_t barrier = {&cond, NULL, &counter};
  submit(1, &barrier);
})
WRONG(barrier_without_a_counter, {
  cedr_barrier_t barrier = {&cond, &mutex, NULL};
  submit(1, &barrier);
})
WRONG(unknown_kernel, enqueue_kernel("DASH_SORT", "flt", 5, &input, &output, &size, &forward, NULL))
WRONG(kernel_without_an_implementation, enqueue_kernel("DASH_FIR", "flt", 2, &input, NULL))
WRONG(kernel_of_the_runtime, enqueue_kernel("POISON_PILL", "flt", 0))
WRONG(unknown_precision, enqueue_kernel("DASH_FFT", "double", 5, &input, &output, &size, &forward, NULL))
WRONG(precision_of_another_kernel, enqueue_kernel("DASH_CONV_2D", "flt", 7, NULL, NULL, NULL, NULL, NULL, NULL, NULL))
WRONG(wrong_number_of_pointers, enqueue_kernel("DASH_FFT", "flt", 3, &input, &output, NULL))
WRONG(twenty_pointers, enqueue_kernel("DASH_FFT", "flt", 20, NULL))
WRONG(kernel_without_a_name, enqueue_kernel(NULL, "flt", 0))
WRONG(enqueued_fft_of_10_points, {
  size_t points = 10;
  enqueue_kernel("DASH_FFT", "flt", 5, &input, &output, &points, &forward, NULL);
})

static void *fft_of_6_points(void *unused) {
  DASH_FFT_flt(input, output, 6, true);
  return unused;
}

static void wrong_in_a_thread(void) {
  pthread_t handle;
  block();
  pthread_create(&handle, NULL, fft_of_6_points, NULL);
  pthread_join(handle, NULL);
}

#define P(name) {#name, name}

static const program programs[] = {
    P(fft_of_100_points), P(fft_of_no_points), P(fft_of_too_many_points), P(fft_without_input), P(fft_without_output),
    P(integer_fft_of_3_points), P(fft_of_12_points_later), P(fft_without_the_address_of_its_size),
    P(fft_without_its_input_later), P(zip_without_second_input), P(zip_of_nothing), P(zip_by_an_unknown_operation),
    P(zip_by_an_unknown_operation_on_integers), P(integers_divided_by_zero), P(gemm_of_no_rows),
    P(gemm_larger_than_memory), P(gemm_in_place), P(gemm_onto_part_of_its_input), P(madd_of_no_columns),
    P(transpose_in_place), P(bpsk_without_output), P(qam16_of_nothing), P(conv_2d_of_a_negative_height),
    P(conv_2d_with_an_empty_mask), P(conv_2d_in_place), P(conv_1d_of_nothing), P(conv_1d_in_place),
    P(barrier_without_a_condition), P(barrier_without_a_mutex), P(barrier_without_a_counter), P(unknown_kernel),
    P(kernel_without_an_implementation), P(kernel_of_the_runtime), P(unknown_precision),
    P(precision_of_another_kernel), P(wrong_number_of_pointers), P(twenty_pointers), P(kernel_without_a_name),
    P(enqueued_fft_of_10_points), P(wrong_in_a_thread),
};

int main(int argc, char **argv) {
  return run_program(argc, argv, programs, sizeof programs / sizeof programs[0]);
}
