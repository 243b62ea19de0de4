/* Paths of requests, once more, by libcurl where rim/direct would serve them. */
/* Must not differ from http_path_test.c. */
#define TEST_BY_LIBRARY true
#include "unit/rim/http_path_test.c"
