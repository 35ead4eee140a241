// The memory of the static binary.
//
// The first blocks come out of an area of the program itself, which costs no system call, and no page before it is
// touched. What is freed is kept by size and given out again; a large block comes from mmap(2), and goes back there.
// No locks: the shipped program has one thread. A child that shares this memory has its parent wait (CLONE_VFORK),
// or does not allocate.
#ifdef SWLOCK_STATIC
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

// Before each block there is a word: its size; or, with one of these bits, the size of a mapping of its own, or how
// far back the block is of which it is a part.
enum { WORD = 8, UNIT = 16, MAPPED = 1, PART = 2, FLAGS = UNIT - 1 };
// The largest that is kept; the largest for which a new area is mapped.
enum { LARGEST_KEPT = 1 << 17, LARGEST_OF_AREA = 1 << 14, AREA = 1 << 18, PAGE = 1 << 12 };

struct block {
  struct block *next;
};
static struct block *kept[64];
static char first_area[AREA] __attribute__((aligned(UNIT)));
static char *next, *end;

static size_t *word_of(void *block) { return (size_t *)((char *)block - WORD); }

// The sizes that there are: each multiple of 16 up to 256, and from there four for each doubling.
static size_t rounded(size_t size) {
  if (size <= 256) return (size + UNIT - 1) & ~(size_t)(UNIT - 1);
  size_t step = (size_t)1 << (61 - __builtin_clzl(size - 1));
  return (size + step - 1) & ~(step - 1);
}
static size_t index_of(size_t size) {
  if (size <= 256) return size / UNIT;
  size_t log = 63 - (size_t)__builtin_clzl(size - 1);
  return 17 + 4 * (log - 8) + ((size - 1) >> (log - 2) & 3);
}

static void *fresh_mapping(size_t size) {
  void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? NULL : pages;
}

static void *take_mapped(size_t size) {
  size = (size + UNIT + PAGE - 1) & ~(size_t)(PAGE - 1);
  char *pages = fresh_mapping(size);
  if (!pages) return NULL;
  *word_of(pages + UNIT) = size | MAPPED;
  return pages + UNIT;
}

static void *take(size_t size) {
  if (size > PTRDIFF_MAX / 2) return NULL;
  if (size + WORD > LARGEST_KEPT) return take_mapped(size);
  size_t whole = rounded(size + WORD);
  struct block **list = &kept[index_of(whole)];
  struct block *block = *list;
  if (block) {
    *list = block->next;
    return block;
  }
  // Blocks are multiples of 16 behind a first word.
  if ((size_t)(end - next) < whole + WORD) {
    // No variable has a value before this: none is in a page of the file, which would have to be copied.
    bool is_first = !end;
    if (!is_first && whole > LARGEST_OF_AREA) return take_mapped(size);
    char *area = is_first ? first_area : fresh_mapping(AREA);
    if (!area) return NULL;
    next = area, end = area + AREA;
  }
  char *found = next + UNIT;
  next += whole;
  *word_of(found) = whole;
  return found;
}

void *malloc(size_t size) {
  void *block = take(size);
  if (!block) errno = ENOMEM;
  return block;
}

void free(void *block) {
  if (!block) return;
  size_t word = *word_of(block), size = word & ~(size_t)FLAGS;
  if (word & PART) {
    free((char *)block - size);
  } else if (word & MAPPED) {
    int error = errno;
    munmap((char *)block - UNIT, size);
    errno = error;
  } else {
    struct block *freed = block;
    freed->next = kept[index_of(size)];
    kept[index_of(size)] = freed;
  }
}

// How many bytes the block has.
static size_t capacity(void *block) {
  size_t word = *word_of(block), size = word & ~(size_t)FLAGS;
  if (word & PART) return capacity((char *)block - size) - size;
  return word & MAPPED ? size - UNIT : size - WORD;
}

void *realloc(void *block, size_t size) {
  if (!block) return malloc(size);
  size_t present = capacity(block);
  if (size <= present && size > present / 2) return block;
  void *other = malloc(size);
  if (!other) return NULL;
  memcpy(other, block, size < present ? size : present);
  free(block);
  return other;
}

// Or the compiler makes calloc of malloc and memset.
__attribute__((no_builtin)) void *calloc(size_t count, size_t size) {
  size_t all;
  if (__builtin_mul_overflow(count, size, &all)) {
    errno = ENOMEM;
    return NULL;
  }
  void *block = malloc(all);
  if (block) memset(block, 0, all);
  return block;
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  bool is_usual = alignment <= UNIT;
  if (!is_usual && size > PTRDIFF_MAX / 2 - alignment) return ENOMEM;
  char *block = take(is_usual ? size : size + alignment);
  if (!block) return ENOMEM;
  size_t distance = -(uintptr_t)block & (alignment - 1);
  if (!is_usual && distance > 0) {
    block += distance;
    *word_of(block) = distance | PART;
  }
  *result = block;
  return 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
  void *block = NULL;
  int error = posix_memalign(&block, alignment < sizeof block ? sizeof block : alignment, size);
  if (error != 0) errno = error;
  return block;
}
void *memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }
size_t malloc_usable_size(void *block) { return block ? capacity(block) : 0; }
#endif
