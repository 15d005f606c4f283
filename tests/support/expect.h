#pragma once

#include <gtest/gtest.h>

// Checks that a message says something.
#define EXPECT_HAS(message, part) EXPECT_PRED_FORMAT2(testing::IsSubstring, part, message)
