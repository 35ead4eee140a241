/* What the dynamic loading of libcurl's thirty libraries costs, in time and memory. */
#define _GNU_SOURCE
#include "CLibrary.h"
#include <link.h>
#include <sys/mman.h>

/* GNUTLS_SKIP_GLOBAL_INIT of <gnutls/gnutls.h>: a libcurl with GnuTLS initializes it by itself; one with another TLS
 * loads it for protocols that are not used. */
int _gnutls_global_init_skip(void);
__attribute__((visibility("default"))) int _gnutls_global_init_skip(void) { return 1; }

/* Of the file and never written to: what is taken away comes back when it is used. */
static int give_back(struct dl_phdr_info *object, size_t size, void *context) {
  (void)size, (void)context;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int index = 0; index < object->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[index];
    if (part->p_type != PT_DYNAMIC) continue;
    /* Relocations in the code were written to it. */
    for (const ElfW(Dyn) *entry = (const void *)(object->dlpi_addr + part->p_vaddr); entry->d_tag != DT_NULL; entry++)
      if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL)) return 0;
  }
  for (int index = 0; index < object->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[index];
    if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
    uintptr_t begin = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
    uintptr_t end = object->dlpi_addr + part->p_vaddr + part->p_memsz;
    madvise((void *)begin, end - begin, MADV_DONTNEED);
  }
  return 0;
}

void clibrary_give_code_back(void) { dl_iterate_phdr(give_back, NULL); }
