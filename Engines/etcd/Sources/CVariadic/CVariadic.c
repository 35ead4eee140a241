#include "CVariadic.h"
#include <sys/prctl.h>

CURLcode cvariadic_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode cvariadic_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode cvariadic_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode cvariadic_set_receiver(CURL *handle, CURLoption option, cvariadic_receiver value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode cvariadic_set_http2(CURL *handle, int tls) {
  return curl_easy_setopt(handle, CURLOPT_HTTP_VERSION,
                          (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
}

long cvariadic_http_status(CURL *handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

unsigned int cvariadic_version(void) { return curl_version_info(CURLVERSION_NOW)->version_num; }

int cvariadic_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
