// What quickjs.c wants of <malloc.h>, which the crate's headers lack; the main module exports it.
#pragma once
#include <stddef.h>
size_t malloc_usable_size(void *);
