/* libc and libcurl for Swift: headers, and wrappers of what Swift cannot call. No logic. */
#pragma once
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef size_t (*clibrary_receiver)(char *data, size_t size, size_t count, void *context);

/* curl_easy_setopt(3), which has a variable number of arguments, with one of each type. */
CURLcode clibrary_set_number(CURL *handle, CURLoption option, long value);
CURLcode clibrary_set_text(CURL *handle, CURLoption option, const char *value);
CURLcode clibrary_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode clibrary_set_receiver(CURL *handle, CURLoption option, clibrary_receiver value);

/* HTTP/2: agreed upon in the handshake of TLS, or without asking. */
CURLcode clibrary_set_http2(CURL *handle, int tls);

/* http and https only; and whoever gives a call up does not wait for the resolver. As the version of libcurl has it. */
void clibrary_confine(CURL *handle);

/* No newer TLS than 1.2. */
CURLcode clibrary_limit_to_tls12(CURL *handle);

/* curl_easy_getinfo(3), CURLINFO_RESPONSE_CODE: 0 if there was no answer. */
long clibrary_http_status(CURL *handle);

/* curl_version_info(3): 0xXXYYZZ, of the library that is there now. */
unsigned int clibrary_version(void);

/* errno, which is a macro. */
int clibrary_errno(void);

/* madvise(2), MADV_DONTNEED, for the code of all libraries: what is used from now on comes back, from the page cache. */
void clibrary_give_code_back(void);

/* What main would have: glibc passes it to constructors. */
int clibrary_argument_count(void);
char **clibrary_arguments(void);

/* open(2) and fcntl(2) with a variable number of arguments. */
int clibrary_open(const char *path, int flags);
int clibrary_set_nonblocking(int descriptor);

/* signal(2) with SIG_IGN, which is a macro. */
void clibrary_ignore(int signal);

/* prctl(2), PR_SET_DUMPABLE: no core file, and no other process of the user looks into the memory. */
int clibrary_forbid_dumps(void);
