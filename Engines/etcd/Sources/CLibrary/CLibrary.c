#include "CLibrary.h"
#include <sys/prctl.h>

CURLcode clibrary_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode clibrary_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode clibrary_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode clibrary_set_receiver(CURL *handle, CURLoption option, clibrary_receiver value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode clibrary_set_http2(CURL *handle, int tls) {
  return curl_easy_setopt(handle, CURLOPT_HTTP_VERSION,
                          (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
}

void clibrary_confine(CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#endif
}

CURLcode clibrary_limit_to_tls12(CURL *handle) {
  return curl_easy_setopt(handle, CURLOPT_SSLVERSION,
                          (long)(CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2));
}

long clibrary_http_status(CURL *handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

unsigned int clibrary_version(void) { return curl_version_info(CURLVERSION_NOW)->version_num; }

int clibrary_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int clibrary_errno(void) { return errno; }

int clibrary_open(const char *path, int flags) { return open(path, flags); }

int clibrary_set_nonblocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return flags < 0 ? flags : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

void clibrary_ignore(int number) { signal(number, SIG_IGN); }

static int count;
static char **words;

__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
  count = argc;
  words = argv;
}

int clibrary_argument_count(void) { return count; }
char **clibrary_arguments(void) { return words; }
