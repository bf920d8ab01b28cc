/* The calls on real elements, for one element type. Included with
 *   REAL       the element type
 *   NAME(x)    the function's name for that type
 *   LANES      elements a block of columns is computed at once (a multiple of what a vector register holds)
 */

typedef struct {
  const REAL *input;
  const REAL *filter;
  REAL *output;
  int64_t channels, filter_rows, filter_columns;
  int64_t input_channel, input_row, input_column; /* strides, in elements */
  int64_t filter_out, filter_channel, filter_row, filter_column;
  int64_t output_channel, output_column;
  int64_t stride_columns, dilation_rows, dilation_columns;
} NAME(conv_row);

/* `block` columns of one output row for `group` output channels, starting at column x. Sums stay in registers: one load
 * of the input serves all channels of the group. */
#define CONV_BLOCK(group, block, contiguous)                                                                     \
  do {                                                                                                           \
    REAL sum[group][block] = {{0}};                                                                              \
    for (int64_t c = 0; c < row->channels; ++c) {                                                                \
      for (int64_t i = 0; i < row->filter_rows; ++i) {                                                           \
        const REAL *line = row->input + c * row->input_channel + i * row->dilation_rows * row->input_row +       \
                           x * row->stride_columns * row->input_column;                                          \
        const REAL *taps = row->filter + c * row->filter_channel + i * row->filter_row;                          \
        for (int64_t j = 0; j < row->filter_columns; ++j) {                                                      \
          const REAL *from = line + j * row->dilation_columns * row->input_column;                               \
          const int64_t step = (contiguous) ? 1 : row->stride_columns * row->input_column;                       \
          REAL value[block];                                                                                     \
          for (int k = 0; k < (block); ++k) {                                                                    \
            value[k] = from[k * step];                                                                           \
          }                                                                                                      \
          for (int g = 0; g < (group); ++g) {                                                                    \
            const REAL tap = taps[g * row->filter_out + j * row->filter_column];                                 \
            for (int k = 0; k < (block); ++k) {                                                                  \
              sum[g][k] += tap * value[k];                                                                       \
            }                                                                                                    \
          }                                                                                                      \
        }                                                                                                        \
      }                                                                                                          \
    }                                                                                                            \
    for (int g = 0; g < (group); ++g) {                                                                          \
      for (int k = 0; k < (block); ++k) {                                                                        \
        row->output[g * row->output_channel + (x + k) * row->output_column] = sum[g][k];                         \
      }                                                                                                          \
    }                                                                                                            \
  } while (0)

/* One output row of `columns` for `group` output channels: full blocks, the last one moved back to end at the border. */
#define CONV_ROW(group, contiguous)                                                                              \
  do {                                                                                                           \
    int64_t x = 0;                                                                                               \
    if (columns >= LANES) {                                                                                      \
      for (; x < columns; x += LANES) {                                                                          \
        x = x + LANES > columns ? columns - LANES : x;                                                           \
        CONV_BLOCK(group, LANES, contiguous);                                                                    \
      }                                                                                                          \
    } else if (columns >= LANES / 2) {                                                                           \
      for (; x < columns; x += LANES / 2) {                                                                      \
        x = x + LANES / 2 > columns ? columns - LANES / 2 : x;                                                   \
        CONV_BLOCK(group, LANES / 2, contiguous);                                                                \
      }                                                                                                          \
    } else if (columns >= LANES / 4) {                                                                           \
      for (; x < columns; x += LANES / 4) {                                                                      \
        x = x + LANES / 4 > columns ? columns - LANES / 4 : x;                                                   \
        CONV_BLOCK(group, LANES / 4, contiguous);                                                                \
      }                                                                                                          \
    } else {                                                                                                     \
      for (; x < columns; ++x) {                                                                                 \
        CONV_BLOCK(group, 1, contiguous);                                                                        \
      }                                                                                                          \
    }                                                                                                            \
  } while (0)

static void NAME(conv_row_4_dense)(const NAME(conv_row) * row, int64_t columns) {
  CONV_ROW(4, true);
}

static void NAME(conv_row_1_dense)(const NAME(conv_row) * row, int64_t columns) {
  CONV_ROW(1, true);
}

static void NAME(conv_row_4_strided)(const NAME(conv_row) * row, int64_t columns) {
  CONV_ROW(4, false);
}

static void NAME(conv_row_1_strided)(const NAME(conv_row) * row, int64_t columns) {
  CONV_ROW(1, false);
}

/* All rows and channels of an output image; `row` holds everything but the pointers. */
static void NAME(convolve)(NAME(conv_row) row, int64_t channels_out, int64_t rows, int64_t columns,
                           int64_t stride_rows, int64_t output_row) {
  const bool dense = row.stride_columns * row.input_column == 1;
  const REAL *const input = row.input;
  const REAL *const filter = row.filter;
  REAL *const output = row.output;
  for (int64_t f = 0; f < channels_out;) {
    const bool four = f + 4 <= channels_out;
    for (int64_t y = 0; y < rows; ++y) {
      row.input = input + y * stride_rows * row.input_row;
      row.filter = filter + f * row.filter_out;
      row.output = output + f * row.output_channel + y * output_row;
      if (four) {
        (dense ? NAME(conv_row_4_dense) : NAME(conv_row_4_strided))(&row, columns);
      } else {
        (dense ? NAME(conv_row_1_dense) : NAME(conv_row_1_strided))(&row, columns);
      }
    }
    f += four ? 4 : 1;
  }
}

#undef CONV_ROW
#undef CONV_BLOCK

/* dims: n c h w f kh kw oh ow sh sw dh dw */
void NAME(cedr_conv2d)(const cedr_site *site, void *const operand[]) {
  const int64_t *const d = site->dims;
  const int64_t *const x = site->strides[0];
  const int64_t *const w = site->strides[1];
  const int64_t *const y = site->strides[2];
  for (int64_t n = 0; n < d[0]; ++n) {
    const NAME(conv_row) row = {
        .input = (const REAL *)operand[0] + n * x[0],
        .filter = (const REAL *)operand[1],
        .output = (REAL *)operand[2] + n * y[0],
        .channels = d[1],
        .filter_rows = d[5],
        .filter_columns = d[6],
        .input_channel = x[1],
        .input_row = x[2],
        .input_column = x[3],
        .filter_out = w[0],
        .filter_channel = w[1],
        .filter_row = w[2],
        .filter_column = w[3],
        .output_channel = y[1],
        .output_column = y[3],
        .stride_columns = d[10],
        .dilation_rows = d[11],
        .dilation_columns = d[12],
    };
    NAME(convolve)(row, d[4], d[7], d[8], d[9], y[2]);
  }
}

/* dims: n c l f k ol s d */
void NAME(cedr_conv1d)(const cedr_site *site, void *const operand[]) {
  const int64_t *const d = site->dims;
  const int64_t *const x = site->strides[0];
  const int64_t *const w = site->strides[1];
  const int64_t *const y = site->strides[2];
  for (int64_t n = 0; n < d[0]; ++n) {
    const NAME(conv_row) row = {
        .input = (const REAL *)operand[0] + n * x[0],
        .filter = (const REAL *)operand[1],
        .output = (REAL *)operand[2] + n * y[0],
        .channels = d[1],
        .filter_rows = 1,
        .filter_columns = d[4],
        .input_channel = x[1],
        .input_row = 0,
        .input_column = x[2],
        .filter_out = w[0],
        .filter_channel = w[1],
        .filter_row = 0,
        .filter_column = w[2],
        .output_channel = y[1],
        .output_column = y[2],
        .stride_columns = d[6],
        .dilation_rows = 1,
        .dilation_columns = d[7],
    };
    NAME(convolve)(row, d[3], 1, d[5], 1, 0);
  }
}

enum { NAME(gemm_columns) = 64, NAME(gemm_depth) = 256 };

/* C[0..count) of one row = sum over k of a[k] * B[k, 0..count), summed in blocks of k so that long sums stay exact. */
static void NAME(gemm_row)(const REAL *a, int64_t a_step, const REAL *b, int64_t b_row, REAL *c, int64_t depth,
                           int count) {
  REAL total[NAME(gemm_columns)] = {0};
  for (int64_t begin = 0; begin < depth; begin += NAME(gemm_depth)) {
    const int64_t end = begin + NAME(gemm_depth) < depth ? begin + NAME(gemm_depth) : depth;
    REAL sum[NAME(gemm_columns)] = {0};
    if (count == NAME(gemm_columns)) {
      for (int64_t k = begin; k < end; ++k) {
        const REAL factor = a[k * a_step];
        const REAL *const line = b + k * b_row;
        for (int j = 0; j < NAME(gemm_columns); ++j) {
          sum[j] += factor * line[j];
        }
      }
    } else {
      for (int64_t k = begin; k < end; ++k) {
        const REAL factor = a[k * a_step];
        const REAL *const line = b + k * b_row;
        for (int j = 0; j < count; ++j) {
          sum[j] += factor * line[j];
        }
      }
    }
    for (int j = 0; j < count; ++j) {
      total[j] += sum[j];
    }
  }
  for (int j = 0; j < count; ++j) {
    c[j] = total[j];
  }
}

/* Dot product of strided vectors, LANES partial sums at a time, in blocks. */
static REAL NAME(dot)(const REAL *a, int64_t a_step, const REAL *b, int64_t b_step, int64_t depth) {
  REAL total = 0;
  for (int64_t begin = 0; begin < depth; begin += NAME(gemm_depth)) {
    const int64_t end = begin + NAME(gemm_depth) < depth ? begin + NAME(gemm_depth) : depth;
    REAL partial[LANES] = {0};
    int64_t k = begin;
    if (a_step == 1 && b_step == 1) {
      for (; k + LANES <= end; k += LANES) {
        for (int j = 0; j < LANES; ++j) {
          partial[j] += a[k + j] * b[k + j];
        }
      }
    }
    for (; k < end; ++k) {
      partial[k % LANES] += a[k * a_step] * b[k * b_step];
    }
    REAL sum = 0;
    for (int j = 0; j < LANES; ++j) {
      sum += partial[j];
    }
    total += sum;
  }
  return total;
}

/* dims: m k n; variant 1: B is n x k */
void NAME(cedr_gemm)(const cedr_site *site, void *const operand[]) {
  const int64_t m = site->dims[0];
  const int64_t depth = site->dims[1];
  const int64_t n = site->dims[2];
  const int64_t *const sa = site->strides[0];
  const int64_t *const sb = site->strides[1];
  const int64_t *const sc = site->strides[2];
  const REAL *const a = (const REAL *)operand[0];
  const REAL *const b = (const REAL *)operand[1];
  REAL *const c = (REAL *)operand[2];
  const bool dense = site->variant == 0 && sb[1] == 1 && sc[1] == 1;
  for (int64_t i = 0; i < m; ++i) {
    if (dense) {
      for (int64_t j = 0; j < n; j += NAME(gemm_columns)) {
        const int count = n - j < NAME(gemm_columns) ? (int)(n - j) : NAME(gemm_columns);
        NAME(gemm_row)(a + i * sa[0], sa[1], b + j, sb[0], c + i * sc[0] + j, depth, count);
      }
      continue;
    }
    const int64_t b_column = site->variant == 0 ? sb[1] : sb[0];
    const int64_t b_step = site->variant == 0 ? sb[0] : sb[1];
    for (int64_t j = 0; j < n; ++j) {
      c[i * sc[0] + j * sc[1]] = NAME(dot)(a + i * sa[0], sa[1], b + j * b_column, b_step, depth);
    }
  }
}
