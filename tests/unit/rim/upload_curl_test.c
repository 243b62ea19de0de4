/* Bodies that come in pieces, once more, by libcurl where rim/direct would serve them. */
/* Must not differ from upload_test.c. */
#define TEST_BY_LIBRARY true
#include "unit/rim/upload_test.c"
