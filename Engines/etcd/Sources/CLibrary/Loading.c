/* What the dynamic loading of libcurl's thirty libraries costs. */
#include "CLibrary.h"

/* GNUTLS_SKIP_GLOBAL_INIT of <gnutls/gnutls.h>: a libcurl with GnuTLS initializes it by itself; one with another TLS
 * loads it for protocols that are not used. */
int _gnutls_global_init_skip(void);
__attribute__((visibility("default"))) int _gnutls_global_init_skip(void) { return 1; }
