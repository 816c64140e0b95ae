/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pseudo-random numbers that a seed fixes, for everything that should vary between runs and be the
 * same in a repeated one. The generator is Steele, Lea and Flood's SplitMix64: any state is a good
 * seed, 0 included.
 */
#ifndef STORHOST_BASE_RANDOM_H
#define STORHOST_BASE_RANDOM_H

#include <stdint.h>

#define RANDOM_STEP UINT64_C(0x9e3779b97f4a7c15)

/* Scrambles a number; near numbers give results that have nothing in common. */
static inline uint64_t random_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* The next number of the sequence that `state` is in. Not for several threads at once. */
static inline uint64_t random_next(uint64_t *state)
{
    *state += RANDOM_STEP;
    return random_mix(*state);
}

#endif
