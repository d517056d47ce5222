/* Gradient of a 2-20-1 network (tanh, binary cross-entropy), loops over examples left to SIMD.

   network_gradient FILE N_EXAMPLES REPEATS
   FILE holds 81 weights and biases in PyTorch's order, then both inputs and the targets, each of
   N_EXAMPLES doubles; batches are the first 32. Prints seconds of processor time a gradient, of
   the full batch and of 32 examples, each the best of 15 runs, then the full gradient. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HIDDEN 20
#define DIM (4 * HIDDEN + 1)
#define MOST 4096

static double input[2][MOST], target[MOST];

static void gradient(const double *x, double *out, const int *indices, int n) {
  static double values[HIDDEN][MOST], z[MOST], rows[2][MOST], wanted[MOST];
  const double *a = input[0], *b = input[1], *y = target;
  if (indices) {
    for (int s = 0; s < n; s++) {
      rows[0][s] = input[0][indices[s]];
      rows[1][s] = input[1][indices[s]];
      wanted[s] = target[indices[s]];
    }
    a = rows[0], b = rows[1], y = wanted;
  }
  for (int s = 0; s < n; s++) z[s] = x[4 * HIDDEN];
  for (int j = 0; j < HIDDEN; j++) {
    const double w0 = x[2 * j], w1 = x[2 * j + 1], bias = x[2 * HIDDEN + j], v = x[3 * HIDDEN + j];
    for (int s = 0; s < n; s++) {
      const double value = tanh(w0 * a[s] + w1 * b[s] + bias);
      values[j][s] = value;
      z[s] += v * value;
    }
  }
  double total = 0;
  for (int s = 0; s < n; s++) {
    z[s] = (1 / (1 + exp(-z[s])) - y[s]) / n;
    total += z[s];
  }
  out[4 * HIDDEN] = total;
  for (int j = 0; j < HIDDEN; j++) {
    const double v = x[3 * HIDDEN + j];
    double g0 = 0, g1 = 0, gb = 0, gv = 0;
    for (int s = 0; s < n; s++) {
      const double value = values[j][s], slope = v * z[s] * (1 - value * value);
      gv += z[s] * value;
      g0 += slope * a[s];
      g1 += slope * b[s];
      gb += slope;
    }
    out[2 * j] = g0, out[2 * j + 1] = g1, out[2 * HIDDEN + j] = gb, out[3 * HIDDEN + j] = gv;
  }
}

static double best_of_runs(double *x, double *out, const int *indices, int n, int repeats) {
  double best = 1e9;
  for (int run = 0; run < 15; run++) {
    const clock_t begin = clock();
    for (int k = 0; k < repeats; k++) {
      gradient(x, out, indices, n);
      x[0] += 1e-300 * out[0]; /* so that no gradient can be left out */
    }
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC / repeats;
    if (seconds < best) best = seconds;
  }
  return best;
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  const int n = atoi(arguments[2]), repeats = atoi(arguments[3]);
  FILE *file = fopen(arguments[1], "rb");
  double x[DIM], out[DIM];
  int indices[32];
  if (!file || n < 32 || n > MOST || fread(x, 8, DIM, file) != DIM) return 1;
  for (int c = 0; c < 2; c++)
    if (fread(input[c], 8, n, file) != (size_t)n) return 1;
  if (fread(target, 8, n, file) != (size_t)n) return 1;
  for (int s = 0; s < 32; s++) indices[s] = s;
  printf("%.6e\n", best_of_runs(x, out, indices, 32, 16 * repeats));
  printf("%.6e\n", best_of_runs(x, out, 0, n, repeats));
  for (int i = 0; i < DIM; i++) printf("%.17g\n", out[i]);
  return 0;
}
