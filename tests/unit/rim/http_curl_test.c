/* Answers of all shapes, once more, by libcurl where rim/direct would serve them. */
/* Must not differ from http_test.c. */
#define TEST_BY_LIBRARY true
#include "unit/rim/http_test.c"
