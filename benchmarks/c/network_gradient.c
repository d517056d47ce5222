/* Gradient and Langevin training (SGLD) of a 2-20-1 network (tanh, binary cross-entropy); loops over
   examples, normals and random bits are left to SIMD.

   network_gradient FILE N_EXAMPLES REPEATS
   FILE holds 81 weights and biases in PyTorch's order, then both inputs and the targets, each of
   N_EXAMPLES doubles. Prints seconds of processor time, each the best of 5 runs: a gradient of the
   first 32 examples, of all; a step of training with 32 drawn examples, with all. Then the mean
   square of the normals, then the full gradient.

   A step: x -= STEP * gradient, + AMPLITUDE * normal each; bits from eight xoshiro256++ side by
   side, normals by Box-Muller, batches with replacement. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HIDDEN 20
#define DIM (4 * HIDDEN + 1)
#define MOST 4096
#define LANES 8
#define PAIRS 48 /* of normals: more than DIM/2, in whole vectors */
#define STEP 0.01
#define AMPLITUDE 4.4721359549995794e-4 /* sqrt(2 STEP temperature), temperature 1e-5 */

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

static uint64_t state[4][LANES];

static void seed_generators(uint64_t seed) {
  for (int k = 0; k < 4 * LANES; k++) { /* splitmix64 */
    uint64_t z = seed += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    state[k / LANES][k % LANES] = z ^ (z >> 31);
  }
}

static uint64_t turned(uint64_t w, int n) { return (w << n) | (w >> (64 - n)); }

/* n uniforms in [1, 2), n a multiple of LANES. */
static void fill_uniforms(double *u, int n) {
  for (int first = 0; first < n; first += LANES) {
    uint64_t bits[LANES];
    for (int i = 0; i < LANES; i++) {
      uint64_t *a = state[0], *b = state[1], *c = state[2], *d = state[3];
      bits[i] = ((turned(a[i] + d[i], 23) + a[i]) >> 12) | 0x3FF0000000000000;
      const uint64_t shifted = b[i] << 17;
      c[i] ^= a[i];
      d[i] ^= b[i];
      b[i] ^= c[i];
      a[i] ^= d[i];
      c[i] ^= shifted;
      d[i] = turned(d[i], 45);
    }
    memcpy(u + first, bits, sizeof bits);
  }
}

static void fill_normals(double *normals) {
  double u[2 * PAIRS];
  fill_uniforms(u, 2 * PAIRS);
  for (int i = 0; i < PAIRS; i++) {
    const double length = sqrt(-2 * log(2 - u[i]));
    const double angle = 6.283185307179586 * u[PAIRS + i];
    normals[i] = length * cos(angle);
    /* not sin(angle): the compiler would make one call of both, which is not vectorised */
    normals[PAIRS + i] = length * cos(angle - 1.5707963267948966);
  }
}

/* One step of training, with n drawn examples or all; returns the mean square of its normals. */
static double train(double *x, double *out, int drawn, int n) {
  double normals[2 * PAIRS], u[32], squares = 0;
  int indices[32];
  if (drawn) {
    fill_uniforms(u, 32);
    for (int s = 0; s < 32; s++) indices[s] = (int)((u[s] - 1) * n);
  }
  gradient(x, out, drawn ? indices : 0, drawn ? 32 : n);
  fill_normals(normals);
  for (int i = 0; i < DIM; i++) {
    x[i] += AMPLITUDE * normals[i] - STEP * out[i];
    squares += normals[i] * normals[i];
  }
  return squares / DIM;
}

static double best_of_training(const double *start, double *out, int drawn, int n, int repeats,
                               double *square) {
  double best = 1e9, x[DIM];
  memcpy(x, start, sizeof x);
  *square = 0;
  for (int run = 0; run < 5; run++) {
    const clock_t begin = clock();
    for (int k = 0; k < repeats; k++) *square += train(x, out, drawn, n) / (5.0 * repeats);
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC / repeats;
    if (seconds < best) best = seconds;
  }
  return best;
}

static double best_of_runs(double *x, double *out, const int *indices, int n, int repeats) {
  double best = 1e9;
  for (int run = 0; run < 5; run++) {
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
  double square, square_of_all;
  seed_generators(1);
  printf("%.6e\n", best_of_training(x, out, 1, n, 16 * repeats, &square));
  printf("%.6e\n", best_of_training(x, out, 0, n, repeats, &square_of_all));
  printf("%.6f\n", square);
  gradient(x, out, 0, n);
  for (int i = 0; i < DIM; i++) printf("%.17g\n", out[i]);
  return 0;
}
