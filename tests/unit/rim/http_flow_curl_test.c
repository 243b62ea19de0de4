/* Transfers under way, once more, by libcurl where rim/direct would serve them. */
/* Must not differ from http_flow_test.c. */
#define TEST_BY_LIBRARY true
#include "unit/rim/http_flow_test.c"
