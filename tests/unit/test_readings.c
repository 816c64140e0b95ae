/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of two readings is played: by the seed and its name, the same each time, unless it is settled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "port/readings.h"

#define SEEDS 64u

static void test_the_seed_chooses(void **state)
{
    (void)state;
    for (unsigned i = 0; i < READING_COUNT; i++) {
        unsigned yes = 0;

        for (unsigned seed = 0; seed < SEEDS; seed++) {
            readings_begin(seed);
            bool first = reading_is((enum reading)i);
            assert_true(reading_is((enum reading)i) == first);
            yes += first;
        }
        /* both are played, and neither seldom */
        assert_in_range(yes, SEEDS / 4, SEEDS - SEEDS / 4);
    }
}

/* Two readings that always went together would be one. */
static void test_readings_are_independent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < READING_COUNT; i++) {
        for (unsigned j = 0; j < i; j++) {
            bool met[2][2] = {{false}};

            for (unsigned seed = 0; seed < SEEDS; seed++) {
                readings_begin(seed);
                met[reading_is((enum reading)i)][reading_is((enum reading)j)] = true;
            }
            assert_true(met[0][0] && met[0][1] && met[1][0] && met[1][1]);
        }
    }
}

static void test_a_settled_one_is_not_the_seeds(void **state)
{
    (void)state;
    assert_false(reading_settle("dump-extended"));
    assert_false(reading_settle("dump-extended=maybe"));
    assert_false(reading_settle("dump-extende=yes"));
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        readings_begin(seed);
        assert_true(reading_settle("dump-extended=yes"));
        assert_true(reading_is(READING_DUMP_EXTENDED));
        assert_true(reading_settle("dump-extended=no"));
        assert_false(reading_is(READING_DUMP_EXTENDED));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_seed_chooses),
        cmocka_unit_test(test_readings_are_independent),
        cmocka_unit_test(test_a_settled_one_is_not_the_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
