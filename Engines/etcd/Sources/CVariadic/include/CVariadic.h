/* Functions with a variable number of arguments, which Swift cannot call. No logic. */
#pragma once
#include <curl/curl.h>

typedef size_t (*cvariadic_receiver)(char *data, size_t size, size_t count, void *context);

/* curl_easy_setopt(3) with an argument of each type. */
CURLcode cvariadic_set_number(CURL *handle, CURLoption option, long value);
CURLcode cvariadic_set_text(CURL *handle, CURLoption option, const char *value);
CURLcode cvariadic_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode cvariadic_set_receiver(CURL *handle, CURLoption option, cvariadic_receiver value);

/* HTTP/2: agreed upon in the handshake of TLS, or without asking. */
CURLcode cvariadic_set_http2(CURL *handle, int tls);

/* curl_easy_getinfo(3), CURLINFO_RESPONSE_CODE: 0 if there was no answer. */
long cvariadic_http_status(CURL *handle);

/* curl_version_info(3): 0xXXYYZZ, of the library that is there now. */
unsigned int cvariadic_version(void);

/* prctl(2), PR_SET_DUMPABLE: no core file, and no other process of the user looks into the memory. */
int cvariadic_forbid_dumps(void);
