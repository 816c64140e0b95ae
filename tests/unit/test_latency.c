/* SPDX-License-Identifier: BSD-3-Clause */
/* The histogram behind the percentiles of storhost throughput, against sorted numbers. */
/* SOURCES: storhost/ways/latency.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "ways/latency.h"

#define SAMPLES 20000u

static struct latency histogram, other;

static int compare(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Numbers of every size: each power of two is as likely as any other. */
static uint64_t some_time(uint64_t *random)
{
    const unsigned bits = (unsigned)(random_next(random) % 36);

    return random_next(random) >> (63 - bits);
}

static void percentiles_are_within_one_percent(void **state)
{
    static const unsigned permille[] = {1, 100, 500, 900, 990, 999, 1000};
    static uint64_t times[SAMPLES];
    uint64_t random = 7;

    (void)state;
    memset(&histogram, 0, sizeof(histogram));
    for (unsigned i = 0; i < SAMPLES; i++) {
        times[i] = some_time(&random);
        latency_note(&histogram, times[i]);
    }
    qsort(times, SAMPLES, sizeof(times[0]), compare);
    for (size_t i = 0; i < sizeof(permille) / sizeof(permille[0]); i++) {
        const uint64_t right = times[(SAMPLES * permille[i] + 999) / 1000 - 1];
        const uint64_t found = latency_permille(&histogram, permille[i]);

        assert_true(found >= right);
        assert_true(found - right <= right / 100);
    }
    assert_int_equal(latency_permille(&histogram, 1000), times[SAMPLES - 1]);
}

static void small_times_are_exact(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof(histogram));
    for (uint64_t i = 1; i <= 100; i++) {
        latency_note(&histogram, i);
    }
    assert_int_equal(latency_permille(&histogram, 500), 50);
    assert_int_equal(latency_permille(&histogram, 990), 99);
    assert_int_equal(latency_permille(&histogram, 1000), 100);
    assert_int_equal(histogram.sum, 5050);
}

static void histograms_add_up(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof(histogram));
    memset(&other, 0, sizeof(other));
    latency_note(&histogram, 10);
    latency_note(&other, 1000000);
    latency_note(&other, 20);
    latency_add(&histogram, &other);
    assert_int_equal(histogram.count, 3);
    assert_int_equal(histogram.longest, 1000000);
    assert_int_equal(latency_permille(&histogram, 1), 10);
    assert_int_equal(latency_permille(&histogram, 500), 20);
    assert_int_equal(latency_permille(&histogram, 1000), 1000000);
}

static void extremes(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof(histogram));
    assert_int_equal(latency_permille(&histogram, 500), 0);
    latency_note(&histogram, UINT64_MAX);
    assert_true(latency_permille(&histogram, 500) > UINT64_C(1) << 40);
    memset(&histogram, 0, sizeof(histogram));
    latency_note(&histogram, 0);
    assert_int_equal(latency_permille(&histogram, 1000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_within_one_percent),
        cmocka_unit_test(small_times_are_exact),
        cmocka_unit_test(histograms_add_up),
        cmocka_unit_test(extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
