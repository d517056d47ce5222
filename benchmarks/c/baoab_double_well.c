/* Underdamped BAOAB on U = (x^2 - 1)^2, mass 1, float64: the yardstick for the compiled Python path.
 *
 *   baoab_double_well n_replicas n_steps dt friction temperature seed threads [final_x.bin]
 *
 * Every replica starts at x = 1, p = 0. Prints three lines: seconds in the loop, the mean of x^2
 * over replicas and steps 1 ... n_steps, the threads used; writes the final x of all replicas.
 *
 * Per step, in this order and with these roundings (g = 4x(x^2 - 1) is the stored gradient):
 *   p = fma(-dt/2, g, p); x = fma(dt/2, p, x); p = fma(c, p, s*R);
 *   x = fma(dt/2, p, x); g = gradient(x); p = fma(-dt/2, g, p); sum += x*x
 * Step n uses normal number n of replica r: pair n/2 of Philox4x32-10 with key = seed, counter =
 * (pair, r), two steps sharing one call; langevin_lab/noise/streams.py has the definition and the
 * same polynomials, so the final positions can be compared with the Python package.
 *
 * Form: replicas in blocks whose state, bits and normals stay in the first-level cache; per step
 * pair short vector loops over the block (bits with CHAINS interleaved Philox chains, radius and
 * circle, two steps), each over vectors of 8 (AVX-512) or 4 (AVX2) replicas; threads over blocks.
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef BLOCK
#define BLOCK 256 /* replicas of a block; a multiple of CHAINS * LANES */
#endif
#ifndef CHAINS
#define CHAINS 4
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__) && !defined(FORCE_AVX2)
#define LANES 8
typedef __m512d real;
typedef __m512i word;
#define load_real(p) _mm512_load_pd(p)
#define store_real(p, v) _mm512_store_pd(p, v)
#define all_real(v) _mm512_set1_pd(v)
#define all_word(v) _mm512_set1_epi64((long long)(v))
#define add(a, b) _mm512_add_pd(a, b)
#define sub(a, b) _mm512_sub_pd(a, b)
#define mul(a, b) _mm512_mul_pd(a, b)
#define divide(a, b) _mm512_div_pd(a, b)
#define root(a) _mm512_sqrt_pd(a)
#define fma3(a, b, c) _mm512_fmadd_pd(a, b, c)
#define fnma3(a, b, c) _mm512_fnmadd_pd(a, b, c)
#define as_word(v) _mm512_castpd_si512(v)
#define as_real(v) _mm512_castsi512_pd(v)
#define add_word(a, b) _mm512_add_epi64(a, b)
#define mul_low(a, b) _mm512_mul_epu32(a, b)
#define left(a, n) _mm512_slli_epi64(a, n)
#define right(a, n) _mm512_srli_epi64(a, n)
#define xor(a, b) _mm512_xor_si512(a, b)
#define xor3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0x96)
#define and(a, b) _mm512_and_si512(a, b)
#define or(a, b) _mm512_or_si512(a, b)
#define lanes_from(v) _mm512_add_epi64(all_word(v), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0))
/* yes where bit 0 of the word is set, else no */
#define by_last_bit(w, yes, no) \
    _mm512_mask_blend_pd(_mm512_test_epi64_mask(w, all_word(1)), no, yes)
#else
#define LANES 4
typedef __m256d real;
typedef __m256i word;
#define load_real(p) _mm256_load_pd(p)
#define store_real(p, v) _mm256_store_pd(p, v)
#define all_real(v) _mm256_set1_pd(v)
#define all_word(v) _mm256_set1_epi64x((long long)(v))
#define add(a, b) _mm256_add_pd(a, b)
#define sub(a, b) _mm256_sub_pd(a, b)
#define mul(a, b) _mm256_mul_pd(a, b)
#define divide(a, b) _mm256_div_pd(a, b)
#define root(a) _mm256_sqrt_pd(a)
#define fma3(a, b, c) _mm256_fmadd_pd(a, b, c)
#define fnma3(a, b, c) _mm256_fnmadd_pd(a, b, c)
#define as_word(v) _mm256_castpd_si256(v)
#define as_real(v) _mm256_castsi256_pd(v)
#define add_word(a, b) _mm256_add_epi64(a, b)
#define mul_low(a, b) _mm256_mul_epu32(a, b)
#define left(a, n) _mm256_slli_epi64(a, n)
#define right(a, n) _mm256_srli_epi64(a, n)
#define xor(a, b) _mm256_xor_si256(a, b)
#define xor3(a, b, c) _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define and(a, b) _mm256_and_si256(a, b)
#define or(a, b) _mm256_or_si256(a, b)
#define lanes_from(v) _mm256_add_epi64(all_word(v), _mm256_set_epi64x(3, 2, 1, 0))
#define by_last_bit(w, yes, no) _mm256_blendv_pd(no, yes, as_real(left(w, 63)))
#endif

typedef struct {
    double x[BLOCK], p[BLOCK], g[BLOCK], sum[BLOCK], even[BLOCK], odd[BLOCK];
} __attribute__((aligned(64))) block_state;

typedef struct {
    long n_replicas, n_steps;
    double half_dt, c, s;
    uint64_t seed;
    long first_block, last_block;
    double *final_x;
    double *sums;
} job;

/* ---- the noise: bits, radius, circle ---- */

static inline void fill_bits(block_state *b, int width, uint64_t seed, uint64_t first,
                             uint64_t pair)
{
    const word m0 = all_word(0xD2511F53u), m1 = all_word(0xCD9E8D57u);
    const word one = all_word(0x3FF0000000000000);
    word k0[10], k1[10];
    for (int j = 0; j < 10; j++) {
        k0[j] = all_word((uint32_t)((uint32_t)seed + j * 0x9E3779B9u));
        k1[j] = all_word((uint32_t)((uint32_t)(seed >> 32) + j * 0xBB67AE85u));
    }
    const int stride = width / CHAINS;
    for (int i = 0; i < stride; i += LANES) {
        word c0[CHAINS], c1[CHAINS], c2[CHAINS], c3[CHAINS];
        for (int n = 0; n < CHAINS; n++) {
            c0[n] = all_word(pair & 0xFFFFFFFF);
            c1[n] = all_word(pair >> 32);
            c2[n] = lanes_from(first + i + n * stride);
            c3[n] = right(c2[n], 32);
        }
        for (int j = 0; j < 9; j++)
            for (int n = 0; n < CHAINS; n++) {
                word low0 = mul_low(m0, c0[n]), low1 = mul_low(m1, c2[n]);
                c0[n] = xor3(right(low1, 32), c1[n], k0[j]);
                c2[n] = xor3(right(low0, 32), c3[n], k1[j]);
                c1[n] = low1;
                c3[n] = low0;
            }
        for (int n = 0; n < CHAINS; n++) {
            word low0 = mul_low(m0, c0[n]), low1 = mul_low(m1, c2[n]);
            word w01 = xor(low1, left(xor(c1[n], k0[9]), 32));
            word w23 = xor(low0, left(xor(c3[n], k1[9]), 32));
            store_real(b->even + i + n * stride, as_real(or(right(w01, 12), one)));
            store_real(b->odd + i + n * stride, as_real(or(right(w23, 12), one)));
        }
    }
}

static inline real radius(real v)
{
    word offset = add_word(as_word(sub(all_real(2.0), v)),
                           all_word(0x3FF0000000000000 - 0x3FE6A09E667F3BCD));
    real k = sub(as_real(or(right(offset, 52), all_word(0x4330000000000000))),
                 all_real(4503599627370496.0 + 1023.0));
    real m = as_real(add_word(and(offset, all_word(0x000FFFFFFFFFFFFF)),
                              all_word(0x3FE6A09E667F3BCD)));
    real s = divide(sub(m, all_real(1.0)), add(m, all_real(1.0)));
    real z = mul(s, s);
    real q = fma3(z, all_real(-0.29591962262717063), all_real(-0.3062809539610102));
    q = fma3(z, q, all_real(-0.3636712885153604));
    q = fma3(z, q, all_real(-0.4444439714302037));
    q = fma3(z, q, all_real(-0.5714285748480277));
    q = fma3(z, q, all_real(-0.7999999999882926));
    q = fma3(z, q, all_real(-1.3333333333333468));
    q = fma3(z, q, all_real(-4.0));
    return root(fma3(s, q, mul(k, all_real(-1.3862943611198906))));
}

static inline void circle(real length, real v, real *even, real *odd)
{
    const real shift = all_real(1.5 * 1125899906842624.0);
    const word sign = all_word(0x8000000000000000);
    real shifted = add(v, shift);
    real y = sub(v, sub(shifted, shift));
    real z = mul(y, y);
    real sine = fma3(z, all_real(3.7807265228737994), all_real(-15.093797522334032));
    sine = fma3(z, sine, all_real(42.05868490236648));
    sine = fma3(z, sine, all_real(-76.70585970331774));
    sine = fma3(z, sine, all_real(81.60524927594452));
    sine = fma3(z, sine, all_real(-41.341702240399634));
    sine = fma3(z, sine, all_real(6.283185307179586));
    sine = mul(sine, y);
    real cosine = fma3(z, all_real(-1.6968347058036433), all_real(7.903091588846975));
    cosine = fma3(z, cosine, all_real(-26.426250927270576));
    cosine = fma3(z, cosine, all_real(60.24464132938539));
    cosine = fma3(z, cosine, all_real(-85.45681720652829));
    cosine = fma3(z, cosine, all_real(64.93939402266798));
    cosine = fma3(z, cosine, all_real(-19.739208802178716));
    cosine = fma3(z, cosine, all_real(1.0));
    word quadrant = as_word(shifted);
    real a = mul(length, by_last_bit(quadrant, sine, cosine));
    real b = mul(length, by_last_bit(quadrant, cosine, sine));
    *even = as_real(xor(as_word(a), and(left(add_word(quadrant, all_word(1)), 62), sign)));
    *odd = as_real(xor(as_word(b), and(left(quadrant, 62), sign)));
}

static inline void fill_normals(block_state *b, int width, uint64_t seed, uint64_t first,
                                uint64_t pair)
{
    fill_bits(b, width, seed, first, pair);
#if LANES == 4 /* with 16 registers one loop less is slower, with 32 it is faster */
    for (int i = 0; i < width; i += LANES)
        store_real(b->even + i, radius(load_real(b->even + i)));
#define length_at(i) load_real(b->even + i)
#else
#define length_at(i) radius(load_real(b->even + i))
#endif
    for (int i = 0; i < width; i += LANES) {
        real even, odd;
        circle(length_at(i), load_real(b->odd + i), &even, &odd);
        store_real(b->even + i, even);
        store_real(b->odd + i, odd);
    }
}

/* ---- the method ---- */

static inline real gradient(real x)
{
    return mul(mul(all_real(4.0), x), fma3(x, x, all_real(-1.0)));
}

static inline void step(real *x, real *p, real *g, real *sum, real normal, const job *j)
{
    const real half_dt = all_real(j->half_dt);
    *p = fnma3(half_dt, *g, *p);
    *x = fma3(half_dt, *p, *x);
    *p = fma3(all_real(j->c), *p, mul(all_real(j->s), normal));
    *x = fma3(half_dt, *p, *x);
    *g = gradient(*x);
    *p = fnma3(half_dt, *g, *p);
    *sum = add(*sum, mul(*x, *x));
}

/* The steps of one normal pair; n_steps is 2, or 1 for the last pair of an odd run. */
static inline void advance(block_state *b, int width, const job *j, int n_steps)
{
    for (int i = 0; i < width; i += LANES) {
        real x = load_real(b->x + i), p = load_real(b->p + i);
        real g = load_real(b->g + i), sum = load_real(b->sum + i);
        step(&x, &p, &g, &sum, load_real(b->even + i), j);
        if (n_steps == 2) step(&x, &p, &g, &sum, load_real(b->odd + i), j);
        store_real(b->x + i, x);
        store_real(b->p + i, p);
        store_real(b->g + i, g);
        store_real(b->sum + i, sum);
    }
}

static void *run_blocks(void *argument)
{
    const job *j = argument;
    block_state *b = aligned_alloc(64, sizeof *b);
    for (long block = j->first_block; block < j->last_block; block++) {
        const long first = block * BLOCK;
        const long width = j->n_replicas - first < BLOCK ? j->n_replicas - first : BLOCK;
        const int group = LANES * CHAINS, padded = (width + group - 1) / group * group;
        for (int i = 0; i < padded; i++) {
            b->x[i] = 1.0;
            b->p[i] = b->g[i] = b->sum[i] = 0.0;
        }
        for (long pair = 0; pair < j->n_steps / 2; pair++) {
            fill_normals(b, padded, j->seed, first, pair);
            advance(b, padded, j, 2);
        }
        if (j->n_steps % 2) {
            fill_normals(b, padded, j->seed, first, j->n_steps / 2);
            advance(b, padded, j, 1);
        }
        memcpy(j->final_x + first, b->x, width * sizeof(double));
        memcpy(j->sums + first, b->sum, width * sizeof(double));
    }
    free(b);
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 8 || argc > 9) {
        fprintf(stderr, "usage: %s n_replicas n_steps dt friction temperature seed threads [file]\n",
                argv[0]);
        return 2;
    }
    const double dt = atof(argv[3]), friction = atof(argv[4]), temperature = atof(argv[5]);
    job j = {.n_replicas = atol(argv[1]), .n_steps = atol(argv[2]), .half_dt = 0.5 * dt};
    j.c = exp(-friction * dt);
    j.s = sqrt(temperature * (1.0 - j.c * j.c));
    j.seed = strtoull(argv[6], NULL, 10);
    const int threads = atoi(argv[7]);
    const long n_blocks = (j.n_replicas + BLOCK - 1) / BLOCK;
    if (j.n_replicas < 1 || j.n_steps < 1 || threads < 1 || threads > 64) {
        fprintf(stderr, "n_replicas, n_steps and threads (at most 64) must be positive\n");
        return 2;
    }
    j.final_x = malloc(j.n_replicas * sizeof(double));
    j.sums = malloc(j.n_replicas * sizeof(double));

    job jobs[64];
    pthread_t workers[64];
    const double start = now();
    for (int t = 0; t < threads; t++) {
        jobs[t] = j;
        jobs[t].first_block = n_blocks * t / threads;
        jobs[t].last_block = n_blocks * (t + 1) / threads;
        if (t + 1 < threads)
            pthread_create(&workers[t], NULL, run_blocks, &jobs[t]);
        else
            run_blocks(&jobs[t]);
    }
    for (int t = 0; t + 1 < threads; t++) pthread_join(workers[t], NULL);
    const double seconds = now() - start;

    double total = 0.0;
    for (long r = 0; r < j.n_replicas; r++) total += j.sums[r];
    printf("%.9g\n%.17g\n%d\n", seconds, total / ((double)j.n_replicas * j.n_steps), threads);
    if (argc == 9) {
        FILE *file = fopen(argv[8], "wb");
        if (!file || fwrite(j.final_x, sizeof(double), j.n_replicas, file) != (size_t)j.n_replicas) {
            fprintf(stderr, "cannot write %s\n", argv[8]);
            return 1;
        }
        fclose(file);
    }
    free(j.final_x);
    free(j.sums);
    return 0;
}
