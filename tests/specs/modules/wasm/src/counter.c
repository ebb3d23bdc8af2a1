// clang-19 --target=wasm32 -O2 -nostdlib -mbulk-memory -Wl,--no-entry -Wl,--export-dynamic -o counter.wasm counter.c
__attribute__((import_module("env"), import_name("log"))) void log_number(int);

static const char greeting[] = "hello from C";
static int count = 40;
static int log[1000];

static int add(int a, int b) { return a + b; }
static int subtract(int a, int b) { return a - b; }
static int (*volatile operations[])(int, int) = {add, subtract};

__attribute__((visibility("default"))) int next(void)
{
    log[count] = count;
    log_number(count);
    return ++count;
}

__attribute__((visibility("default"))) const char *text(void) { return greeting; }

__attribute__((visibility("default"))) int apply(int which, int a, int b) { return operations[which](a, b); }

__attribute__((visibility("default"))) int far(int address) { return *(volatile int *)address; }

__attribute__((visibility("default"))) int grow(int pages) { return __builtin_wasm_memory_grow(0, pages); }

__attribute__((visibility("default"))) void loop(void)
{
    for (;;)
        __asm__ volatile("");
}
