// The JavaScript engine's interface to the host, in one translation unit with
// quickjs.c (QuickJS-ng 0.16.2): internals such as JSArrayBuffer are in reach.
//
// Every exported function works on `JSValue`s by address, because the host
// keeps its values on the engine's own stack, in the memory that both share.
// Names of exports begin with `engine_`. A function that can fail returns a
// negative number and leaves the exception pending.

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define HOST(name) __attribute__((import_module("host"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name), visibility("default"), used)) name

// The engine's clock is the host's. The main module's `localtime_r` calls the
// glue's `_tzset_js`, that calls `Date`, and `Date` would call `localtime_r`.
HOST(wall_clock) double host_wall_clock(void);            // milliseconds since the epoch
HOST(monotonic_clock) double host_monotonic_clock(void);  // milliseconds

static int engine_gettimeofday(struct timeval *time, void *zone)
{
    double now = host_wall_clock();
    (void)zone;
    time->tv_sec = (time_t)(now / 1000);
    time->tv_usec = (suseconds_t)((now - (double)time->tv_sec * 1000) * 1000);
    return 0;
}

static int engine_clock_gettime(struct timespec *time)
{
    double now = host_monotonic_clock();
    time->tv_sec = (time_t)(now / 1000);
    time->tv_nsec = (long)((now - (double)time->tv_sec * 1000) * 1e6);
    return 0;
}

// The time zone of a worker is UTC, as workerd's is.
static struct tm *engine_localtime_r(const time_t *time, struct tm *result)
{
    (void)time;
    memset(result, 0, sizeof *result);
    return result;
}

// In whose name JavaScript runs: a number that the host or JavaScript sets, which the jobs that are made meanwhile and
// the reactions to promises that are asked for take along (`OWNERS` in corrections.rs). 0 is nobody's.
static uint32_t current_owner;

// The host hears of each change, since it counts what is done in each name.
HOST(owner) void host_runs_as(uint32_t owner);

static void run_as(uint32_t owner)
{
    if (owner == current_owner)
        return;
    current_owner = owner;
    host_runs_as(owner);
}

#define gettimeofday engine_gettimeofday
#define clock_gettime(clock, time) engine_clock_gettime(time)
#define localtime_r engine_localtime_r
#include "quickjs.c"
#undef gettimeofday
#undef clock_gettime
#undef localtime_r

HOST(call) int host_call(int function, int argc, JSValue *argv, JSValue *result);
HOST(operation) int host_operation(int operation, int argc, JSValue *argv, JSValue *result);
HOST(rejection) void host_rejection(JSValue *promise, JSValue *reason, int is_handled);
HOST(release) void host_release(int kind, int index);
// The name of the module that a specifier means in another module, with a zero byte behind it; from the main module's
// `malloc`. NULL: an exception is pending.
HOST(resolve) char *host_resolve(const char *referrer, uint32_t referrer_length, const char *specifier,
                                 uint32_t specifier_length);
// What a module is (`MODULE_…`), and its code with a zero byte behind it, from the main module's `malloc`.
HOST(module) int host_module(const char *name, uint32_t name_length, uint8_t **code, uint32_t *length);

// Lets go of what the host holds of JavaScript for others that are dead, because an allocation would fail.
HOST(relieve) void host_relieve(void);
// The main module has as much more in its blocks as `blocks` says.
HOST(crowded) void host_crowded(void);
// A large block of the main module's cannot be had.
HOST(relieve_main) void host_relieve_main(void);
// Collects what is garbage, if that is due.
HOST(collect) void host_collect(void);

enum { RELEASE_EXCEPTION = 0, RELEASE_OBJECT = 1 };

static JSRuntime *runtime;
static JSContext *context;

/* --- start ---------------------------------------------------------------- */

static JSClassID wasm_function_class;
static JSClassID host_object_class;

static JSValue wasm_function_call(JSContext *ctx, JSValueConst function, JSValueConst this_value, int argc,
                                  JSValueConst *argv, int flags)
{
    JSValue result = JS_UNDEFINED;
    int index = (int)(intptr_t)JS_GetOpaque(function, wasm_function_class) - 1;
    (void)this_value;
    (void)flags;
    if (host_call(index, argc, (JSValue *)argv, &result) < 0)
        return JS_EXCEPTION;
    return result;
}

// The JavaScript function of each WebAssembly function, so that a function
// keeps its identity; not an owner.
static JSObject **wasm_functions;
static int wasm_functions_length;

static void wasm_function_finalizer(JSRuntime *rt, JSValueConst value)
{
    int index = (int)(intptr_t)JS_GetOpaque(value, wasm_function_class) - 1;
    (void)rt;
    if (index >= 0 && index < wasm_functions_length)
        wasm_functions[index] = NULL;
}

// A host object carries (kind, index) of something that the host owns and
// that must be released when JavaScript no longer reaches it.
static void host_object_finalizer(JSRuntime *rt, JSValueConst value)
{
    uint32_t opaque = (uint32_t)(uintptr_t)JS_GetOpaque(value, host_object_class);
    (void)rt;
    if (opaque != 0)
        host_release((int)(opaque >> 28), (int)(opaque & 0x0fffffff) - 1);
}

static void rejection_tracker(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque)
{
    JSValue values[2] = {promise, reason};
    (void)ctx;
    (void)opaque;
    host_rejection(&values[0], &values[1], is_handled);
}

static int start_placeholder(JSContext *ctx, JSModuleDef *module)
{
    (void)module;
    JS_ThrowInternalError(ctx, "a placeholder of a module cannot be run");
    return -1;
}

// quickjs.c resolves imports even of what it only compiles: then what is not there yet is stood in for.
static bool compiling_alone;

static char *normalize_module(JSContext *ctx, const char *base, const char *name, void *opaque)
{
    (void)opaque;
    if (compiling_alone)
        return js_default_module_normalize_name(ctx, base, name);
    char *resolved = host_resolve(base, (uint32_t)strlen(base), name, (uint32_t)strlen(name));
    if (!resolved)
        return NULL;
    char *normalized = js_strdup(ctx, resolved);
    free(resolved);
    return normalized;
}

// Functions that JavaScript gives: what makes errors from the name of a class and a message, and what gives a synthetic
// module its value, by the module's name.
enum { ERROR_FACTORY, SYNTHETIC_FACTORY, FACTORIES };
static JSValue factories[FACTORIES] = {JS_UNDEFINED, JS_UNDEFINED};

static JSValue set_factory(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv, int factory)
{
    (void)this_value;
    (void)argc;
    JS_FreeValue(ctx, factories[factory]);
    factories[factory] = JS_DupValue(ctx, argv[0]);
    return JS_UNDEFINED;
}

static int start_synthetic(JSContext *ctx, JSModuleDef *module)
{
    JSValue name = JS_AtomToString(ctx, module->module_name);
    JSValue value = JS_Call(ctx, factories[SYNTHETIC_FACTORY], JS_UNDEFINED, 1, &name);
    JS_FreeValue(ctx, name);
    return JS_IsException(value) ? -1 : JS_SetModuleExport(ctx, module, "default", value);
}

// HostGetImportMetaProperties (ECMA-262, 13.3.12.1): where the module lies.
static int set_import_meta(JSContext *ctx, JSModuleDef *module)
{
    JSValue meta = JS_GetImportMeta(ctx, module);
    if (JS_IsException(meta))
        return -1;
    JSValue url = JS_ConcatString3(ctx, "file://", JS_AtomToString(ctx, module->module_name), "");
    int status = JS_IsException(url) ? -1 : JS_DefinePropertyValueStr(ctx, meta, "url", url, JS_PROP_C_W_E);
    JS_FreeValue(ctx, meta);
    return status < 0 ? -1 : 0;
}

// What `host_module` says of a name.
enum { MODULE_ABSENT = 0, MODULE_BYTECODE = 1, MODULE_SOURCE = 2, MODULE_SYNTHETIC = 3 };

static JSModuleDef *load_module(JSContext *ctx, const char *name, void *opaque)
{
    (void)opaque;
    if (compiling_alone)
        return JS_NewCModule(ctx, name, start_placeholder);
    uint32_t length = 0;
    uint8_t *code = NULL;
    JSValue module;
    int kind = host_module(name, (uint32_t)strlen(name), &code, &length);
    switch (kind) {
    case MODULE_BYTECODE:
        module = JS_ReadObject(ctx, code, length, JS_READ_OBJ_BYTECODE);
        break;
    case MODULE_SOURCE:
        module = JS_Eval(ctx, (char *)code, length, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
        break;
    case MODULE_SYNTHETIC: {
        JSModuleDef *synthetic = JS_NewCModule(ctx, name, start_synthetic);
        return synthetic && JS_AddModuleExport(ctx, synthetic, "default") == 0 ? synthetic : NULL;
    }
    default:
        JS_ThrowReferenceError(ctx, "no module named '%s'", name);
        return NULL;
    }
    free(code);
    if (JS_VALUE_GET_TAG(module) != JS_TAG_MODULE)
        return NULL;
    // The list of loaded modules holds it.
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JS_FreeValue(ctx, module);
    if (kind == MODULE_SOURCE && set_import_meta(ctx, definition) < 0)
        return NULL;
    return definition;
}

/* --- memory ---------------------------------------------------------------- */

// What fails is tried once more, after what is dead was freed. Only for large blocks: where quickjs.c asks for small
// ones, its objects are not always whole enough for a collection. Nor are they where it asks for a block to grow (a
// shape is in no list then), so that only frees what the host holds.
enum { RELIEVED_BYTES_MIN = 64 << 10 };

static bool relieve(size_t size, bool collect)
{
    static bool relieving;
    if (size < RELIEVED_BYTES_MIN || relieving || !runtime)
        return false;
    relieving = true;
    host_relieve();
    if (collect && runtime->gc_phase == JS_GC_PHASE_NONE)
        JS_RunGC(runtime);
    relieving = false;
    return true;
}

static void *engine_calloc(void *opaque, size_t count, size_t size)
{
    void *block = calloc(count, size);
    (void)opaque;
    return block || !relieve(count * size, true) ? block : calloc(count, size);
}

static void *engine_malloc(void *opaque, size_t size)
{
    void *block = malloc(size);
    (void)opaque;
    return block || !relieve(size, true) ? block : malloc(size);
}

static void engine_mfree(void *opaque, void *block)
{
    (void)opaque;
    free(block);
}

static void *engine_realloc(void *opaque, void *block, size_t size)
{
    void *grown = realloc(block, size);
    (void)opaque;
    return grown || !relieve(size, false) ? grown : realloc(block, size);
}

/* --- the main module's blocks -------------------------------------------------- */

// How many bytes the main module has in its blocks, more than when garbage was last collected, and at how many the host
// is told. Its own collector counts objects, and few of them can hold much.
static struct { int32_t grown, step; } blocks = {0, INT32_MAX};

static void *count_block(void *block)
{
    blocks.grown += (int32_t)malloc_usable_size(block);
    if (blocks.grown >= blocks.step) {
        // Once, until the host sets it anew.
        blocks.step = INT32_MAX;
        host_crowded();
    }
    return block;
}

static void *counted_malloc(void *opaque, size_t size)
{
    (void)opaque;
    return count_block(malloc(size ? size : 1));
}

static void *counted_calloc(void *opaque, size_t count, size_t size)
{
    (void)opaque;
    return count_block(count && size ? calloc(count, size) : calloc(1, 1));
}

static void counted_free(void *opaque, void *block)
{
    (void)opaque;
    blocks.grown -= (int32_t)malloc_usable_size(block);
    free(block);
}

static void *counted_realloc(void *opaque, void *block, size_t size)
{
    int32_t before = (int32_t)malloc_usable_size(block);
    void *grown = realloc(block, size ? size : 1);
    (void)opaque;
    if (!grown)
        return NULL;
    blocks.grown -= before;
    return count_block(grown);
}

// The same for new objects. When a large one cannot be had, it is tried again after garbage was collected, as CPython
// did up to 3.11 wherever it made an object with others in it. Not for blocks that grow, and not for the tables of
// dictionaries and sets, which are of another domain: what is collected might look at them.
static bool relieve_main(size_t size)
{
    if (size < RELIEVED_BYTES_MIN)
        return false;
    host_relieve_main();
    return true;
}

static void *relieving_malloc(void *opaque, size_t size)
{
    void *block = counted_malloc(opaque, size);
    return block || !relieve_main(size) ? block : counted_malloc(opaque, size);
}

static void *relieving_calloc(void *opaque, size_t count, size_t size)
{
    void *block = counted_calloc(opaque, count, size);
    return block || !relieve_main(count * size) ? block : counted_calloc(opaque, count, size);
}

static void *relieving_realloc(void *opaque, void *block, size_t size)
{
    return block ? counted_realloc(opaque, block, size) : relieving_malloc(opaque, size);
}

static int collect_later(void *opaque)
{
    (void)opaque;
    host_collect();
    return 0;
}

// In the form that CPython takes (`PyMemAllocatorEx`), for blocks of the `malloc` that both share; and behind them what
// collects garbage when it is called, in the form of its pending calls.
typedef struct {
    void *opaque;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *);
} Allocator;

static struct {
    Allocator counting, relieving;
    int (*collect_later)(void *);
} allocators = {{NULL, counted_malloc, counted_calloc, counted_realloc, counted_free},
                {NULL, relieving_malloc, relieving_calloc, relieving_realloc, counted_free},
                collect_later};

uint32_t EXPORT(engine_allocators_address)(void)
{
    return (uint32_t)(uintptr_t)&allocators;
}

uint32_t EXPORT(engine_blocks_counter)(void)
{
    return (uint32_t)(uintptr_t)&blocks;
}

// Where the address of the runtime is, and where in it the bytes of the engine's heap are counted: the host asks before
// it maps the memory.
uint32_t EXPORT(engine_runtime_address)(void)
{
    return (uint32_t)(uintptr_t)&runtime;
}

uint32_t EXPORT(engine_heap_counter)(void)
{
    return offsetof(JSRuntime, malloc_state) + offsetof(JSMallocState, malloc_size);
}

// Where the targets of its FinalizationRegistries are counted, and behind them the callbacks that are due and need not
// wait for the end of the turn.
uint32_t EXPORT(engine_targets_counter)(void)
{
    return (uint32_t)(uintptr_t)&finalization;
}

int EXPORT(engine_start)(uint32_t stack_size, uint32_t gc_threshold)
{
    static const JSMallocFunctions functions = {engine_calloc, engine_malloc, engine_mfree, engine_realloc,
                                                js__malloc_usable_size};
    runtime = JS_NewRuntime2(&functions, NULL);
    if (!runtime)
        return -1;
    // quickjs.c sets no limit where `__wasi__` is defined.
    runtime->stack_limit = runtime->stack_top - stack_size;
    JS_SetGCThreshold(runtime, gc_threshold);
    JS_SetHostPromiseRejectionTracker(runtime, rejection_tracker, NULL);
    JS_SetModuleLoaderFunc(runtime, normalize_module, load_module, NULL);
    context = JS_NewContext(runtime);
    if (!context)
        return -2;
    memory_error = JS_NewInternalError(context, "out of memory");
    if (JS_IsException(memory_error))
        return -2;
    static const JSClassDef wasm_function = {
        .class_name = "Function", .call = wasm_function_call, .finalizer = wasm_function_finalizer};
    static const JSClassDef host_object = {.class_name = "Object", .finalizer = host_object_finalizer};
    JS_NewClassID(runtime, &wasm_function_class);
    JS_NewClassID(runtime, &host_object_class);
    if (JS_NewClass(runtime, wasm_function_class, &wasm_function) < 0 ||
        JS_NewClass(runtime, host_object_class, &host_object) < 0)
        return -3;
    return 0;
}

/* --- handles: values that the host holds ---------------------------------- */

// A slot holds a value, or (as an integer) the next free slot. Exported so that the host can read a handle
// without a call.
static JSValue *handles;
static int handles_length;
static int handles_free = -1;

JSValue **EXPORT(engine_handles_address)(void)
{
    return &handles;
}

uint32_t *EXPORT(engine_owner_address)(void)
{
    return &current_owner;
}

// How many bytes before the address in a value its count of references lies.
uint32_t EXPORT(engine_count_distance)(void)
{
    return offsetof(JSMallocBlockHeader, user_data) - offsetof(JSMallocBlockHeader, ref_count);
}

// Takes the value over. Negative: out of memory.
int EXPORT(engine_handle_new)(JSValue *value)
{
    if (handles_free < 0) {
        int length = handles_length ? handles_length * 2 : 512;
        JSValue *grown = realloc(handles, (size_t)length * sizeof(JSValue));
        if (!grown)
            return -1;
        handles = grown;
        for (int i = length - 1; i >= handles_length; i--) {
            handles[i] = JS_MKVAL(JS_TAG_UNINITIALIZED, handles_free);
            handles_free = i;
        }
        handles_length = length;
    }
    int handle = handles_free;
    handles_free = JS_VALUE_GET_INT(handles[handle]);
    handles[handle] = *value;
    return handle;
}

void EXPORT(engine_handle_free)(int handle)
{
    JSValue value = handles[handle];
    handles[handle] = JS_MKVAL(JS_TAG_UNINITIALIZED, handles_free);
    handles_free = handle;
    JS_FreeValue(context, value);
}

void EXPORT(engine_free)(JSValue *value)
{
    JS_FreeValue(context, *value);
}

/* --- code ------------------------------------------------------------------ */

// Calls the function of a handle. The arguments are taken over.
int EXPORT(engine_call)(int function, int argc, JSValue *argv, JSValue *result)
{
    JSValue callee = JS_DupValue(context, handles[function]);
    *result = JS_Call(context, callee, JS_UNDEFINED, argc, argv);
    JS_FreeValue(context, callee);
    for (int i = 0; i < argc; i++)
        JS_FreeValue(context, argv[i]);
    return JS_IsException(*result) ? -1 : 0;
}

enum { COMPILE_SCRIPT = 0, COMPILE_MODULE = 1, COMPILE_MODULE_ALONE = 2 };

// Compiles a module or a script to bytecode, which is given back to `engine_bytecode_free`. A module that is compiled
// alone leaves stand-ins for its imports behind: such an isolate compiles and runs nothing else.
uint8_t *EXPORT(engine_compile)(const char *source, uint32_t length, const char *name, int kind,
                                uint32_t *bytecode_length)
{
    bool is_module = kind != COMPILE_SCRIPT;
    int type = is_module ? JS_EVAL_TYPE_MODULE : JS_EVAL_TYPE_GLOBAL;
    compiling_alone = kind == COMPILE_MODULE_ALONE;
    JSValue code = JS_Eval(context, source, length, name, type | JS_EVAL_FLAG_COMPILE_ONLY);
    compiling_alone = false;
    if (JS_IsException(code))
        return NULL;
    size_t size;
    uint8_t *bytes = JS_WriteObject(context, &size, code, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
    if (!is_module)
        JS_FreeValue(context, code);
    *bytecode_length = (uint32_t)size;
    return bytes;
}

// The engine's allocator is not the main module's.
void EXPORT(engine_bytecode_free)(uint8_t *bytecode)
{
    js_free(context, bytecode);
}

// Reads bytecode that `engine_compile` wrote. A module becomes known by its name.
int EXPORT(engine_read)(const uint8_t *bytecode, uint32_t length, JSValue *result)
{
    *result = JS_ReadObject(context, bytecode, length, JS_READ_OBJ_BYTECODE);
    return JS_IsException(*result) ? -1 : 0;
}

// The module of a name: loaded already, or the host's.
int EXPORT(engine_load)(const char *name, JSValue *result)
{
    JSAtom atom = JS_NewAtom(context, name);
    JSModuleDef *module = js_find_loaded_module_by_name(context, atom);
    JS_FreeAtom(context, atom);
    if (!module)
        module = load_module(context, name, NULL);
    if (!module)
        return -1;
    *result = JS_DupValue(context, JS_MKPTR(JS_TAG_MODULE, module));
    return 0;
}

// Links and evaluates a module that was read, or runs a script. A module gives the promise of its evaluation.
// Takes the code over.
int EXPORT(engine_run)(JSValue *code, JSValue *result)
{
    if (JS_VALUE_GET_TAG(*code) == JS_TAG_MODULE && JS_ResolveModule(context, *code) < 0) {
        JS_FreeValue(context, *code);
        return -1;
    }
    *result = JS_EvalFunction(context, *code);
    return JS_IsException(*result) ? -1 : 0;
}

// The namespace object of a module that was read. Does not take it over.
int EXPORT(engine_module_namespace)(JSValue *code, JSValue *result)
{
    if (JS_VALUE_GET_TAG(*code) != JS_TAG_MODULE) {
        JS_ThrowTypeError(context, "not a module");
        return -1;
    }
    *result = JS_GetModuleNamespace(context, JS_VALUE_GET_PTR(*code));
    return JS_IsException(*result) ? -1 : 0;
}

// Runs promise jobs until none is left or `maximum` have run; returns how many ran, or -1 - that many when a job
// threw.
int EXPORT(engine_run_jobs)(int maximum)
{
    JSContext *job_context;
    for (int count = 0; count < maximum; count++) {
        int status = JS_ExecutePendingJob(runtime, &job_context);
        if (status == 0)
            return count;
        if (status < 0)
            return -1 - count;
    }
    return maximum;
}

void EXPORT(engine_collect)(void)
{
    JS_RunGC(runtime);
}

// Calls what is due of the registry that `host_finalize_early` was given.
void EXPORT(engine_finalize)(void)
{
    struct list_head due, *each, *next;
    init_list_head(&due);
    list_for_each_safe(each, next, &runtime->job_list) {
        JSJobEntry *job = list_entry(each, JSJobEntry, link);
        if (job->job_func == js_finrec_job && is_early(job->argv[0])) {
            list_del(&job->link);
            list_add_tail(&job->link, &due);
        }
    }
    // Other jobs keep their order and their time.
    while (!list_empty(&due)) {
        JSJobEntry *job = list_entry(due.next, JSJobEntry, link);
        list_del(&job->link);
        JSValue result = job->job_func(job->ctx, job->argc, (JSValueConst *)job->argv);
        for (int i = 0; i < job->argc; i++)
            JS_FreeValue(job->ctx, job->argv[i]);
        if (JS_IsException(result))
            JS_FreeValue(context, JS_GetException(context));
        JS_FreeValue(context, result);
        js_free(context, job);
    }
}

// Begins the sequence of `Math.random` anew; the other use of the state, hashing, has its own copy.
void EXPORT(engine_reseed)(uint64_t seed)
{
    // xorshift stays at 0 for ever (quickjs.c, `js_random_init`).
    context->random_state = seed ? seed : 1;
}

// Where JavaScript is: the text that an Error made now would have as its stack.
int EXPORT(engine_stack)(JSValue *result)
{
    JSValue error = JS_NewError(context);
    if (JS_IsException(error))
        return -1;
    build_backtrace(context, error, JS_UNDEFINED, NULL, 0, 0, 0);
    *result = JS_GetPropertyStr(context, error, "stack");
    JS_FreeValue(context, error);
    return JS_IsException(*result) ? -1 : 0;
}

/* --- exceptions ------------------------------------------------------------ */

// Takes the value over.
void EXPORT(engine_throw)(JSValue *value)
{
    JS_Throw(context, *value);
}

void EXPORT(engine_take_exception)(JSValue *result)
{
    *result = JS_GetException(context);
}

// Throws an error of a class (`TypeError`, `RangeError`, `WebAssembly.LinkError`).
void EXPORT(engine_throw_error)(const char *class_name, uint32_t class_length, const char *message,
                                uint32_t message_length)
{
    if (!JS_IsFunction(context, factories[ERROR_FACTORY])) {
        JS_ThrowInternalError(context, "%.*s: %.*s", (int)class_length, class_name, (int)message_length, message);
        return;
    }
    JSValue arguments[2] = {JS_NewStringLen(context, class_name, class_length),
                            JS_NewStringLen(context, message, message_length)};
    JSValue error = JS_Call(context, factories[ERROR_FACTORY], JS_UNDEFINED, 2, arguments);
    JS_FreeValue(context, arguments[0]);
    JS_FreeValue(context, arguments[1]);
    if (!JS_IsException(error))
        JS_Throw(context, error);
}

/* --- values ---------------------------------------------------------------- */

// The UTF-8 of a string, where a lone surrogate (three bytes in quickjs.c's WTF-8) becomes U+FFFD (three too).
static char *well_formed(JSContext *ctx, JSValueConst value, size_t *length)
{
    char *bytes = (char *)JS_ToCStringLen(ctx, length, value);
    if (!bytes)
        return NULL;
    for (char *at = bytes; (at = memchr(at, 0xed, (size_t)(bytes + *length - at))); at++)
        if ((uint8_t)at[1] >= 0xa0)
            memcpy(at, "\xef\xbf\xbd", 3);
    return bytes;
}

// Well-formed UTF-8 bytes with a NUL behind; free with `engine_string_free`. NULL: exception.
const char *EXPORT(engine_string)(JSValue *value, uint32_t *length)
{
    size_t size = 0;
    const char *bytes = well_formed(context, *value, &size);
    *length = (uint32_t)size;
    return bytes;
}

void EXPORT(engine_string_free)(const char *bytes)
{
    JS_FreeCString(context, bytes);
}

int EXPORT(engine_new_string)(const char *bytes, uint32_t length, JSValue *result)
{
    *result = JS_NewStringLen(context, bytes, length);
    return JS_IsException(*result) ? -1 : 0;
}

int EXPORT(engine_to_number)(JSValue *value, double *result)
{
    return JS_ToFloat64(context, result, *value);
}

int EXPORT(engine_to_bigint64)(JSValue *value, int64_t *result)
{
    return JS_ToBigInt64(context, result, *value);
}

int EXPORT(engine_new_bigint64)(int64_t number, JSValue *result)
{
    *result = JS_NewBigInt64(context, number);
    return JS_IsException(*result) ? -1 : 0;
}

int EXPORT(engine_get_property)(JSValue *object, const char *name, JSValue *result)
{
    *result = JS_GetPropertyStr(context, *object, name);
    return JS_IsException(*result) ? -1 : 0;
}

// 0: pending, 1: fulfilled, 2: rejected, -1: not a promise.
int EXPORT(engine_promise_state)(JSValue *value)
{
    return (int)JS_PromiseState(context, *value);
}

void EXPORT(engine_promise_result)(JSValue *value, JSValue *result)
{
    *result = JS_PromiseResult(context, *value);
}

/* --- maps of integers: the host asks them without JavaScript ---------------- */

// The integer at `key`, 0 when there is none; negative when it threw.
int64_t EXPORT(engine_map_get)(JSValue map, JSValue key)
{
    JSValue value = js_map_get(context, map, 1, &key, 0);
    int32_t number;
    if (JS_IsException(value) || JS_ToInt32Free(context, &number, value) < 0)
        return -1;
    return (uint32_t)number;
}

// Negative when it threw.
int EXPORT(engine_map_set)(JSValue map, JSValue key, int32_t number)
{
    JSValueConst arguments[] = {key, JS_NewInt32(context, number)};
    JSValue result = js_map_set(context, map, 2, arguments, 0);
    if (JS_IsException(result))
        return -1;
    JS_FreeValue(context, result);
    return 0;
}

// Negative when it threw.
int EXPORT(engine_map_delete)(JSValue map, JSValue key)
{
    return JS_IsException(js_map_delete(context, map, 1, &key, 0)) ? -1 : 0;
}

/* --- bytes ----------------------------------------------------------------- */

// The bytes of an ArrayBuffer, a typed array or a DataView: 0 and their address and length, or -1.
int EXPORT(engine_bytes)(JSValue *value, uint32_t *address, uint32_t *length)
{
    JSValueConst buffer = *value;
    uint32_t offset = 0;
    if (JS_VALUE_GET_TAG(*value) == JS_TAG_OBJECT) {
        JSObject *object = JS_VALUE_GET_OBJ(*value);
        if (is_typed_array(object->class_id)) {
            JSTypedArray *array = object->u.typed_array;
            if (typed_array_is_oob(object))
                goto wrong;
            offset = array->offset;
            // Not `typed_array_length`: that is what a view that tracks a resizable buffer was made with.
            *length = object->u.array.count << typed_array_size_log2(object->class_id);
            buffer = JS_MKPTR(JS_TAG_OBJECT, array->buffer);
        } else if (object->class_id == JS_CLASS_DATAVIEW) {
            JSTypedArray *array = object->u.typed_array;
            offset = array->offset;
            *length = array->length;
            buffer = JS_MKPTR(JS_TAG_OBJECT, array->buffer);
        } else if (object->class_id == JS_CLASS_ARRAY_BUFFER) {
            *length = (uint32_t)object->u.array_buffer->byte_length;
        } else {
            goto wrong;
        }
        JSArrayBuffer *bytes = JS_VALUE_GET_OBJ(buffer)->u.array_buffer;
        if (bytes->detached || (uint64_t)offset + *length > (uint64_t)bytes->byte_length)
            goto wrong;
        *address = (uint32_t)(uintptr_t)bytes->data + offset;
        return 0;
    }
wrong:
    JS_ThrowTypeError(context, "not an ArrayBuffer or a view on one");
    return -1;
}

// Bytes of the host count as the engine's own, so that their number makes it collect.
static void *free_buffer(JSRuntime *rt, void *opaque, void *bytes, size_t size)
{
    (void)opaque;
    if (size == 0) {
        rt->malloc_state.malloc_size -= malloc_usable_size(bytes);
        free(bytes);
    }
    return NULL;
}

// A Uint8Array over bytes from `malloc`, which are taken over.
int EXPORT(engine_new_bytes)(uint8_t *bytes, uint32_t length, JSValue *result)
{
    JSValue buffer = JS_NewArrayBuffer(context, bytes, length, 0, free_buffer, NULL, false);
    if (JS_IsException(buffer)) {
        free(bytes);
        return -1;
    }
    runtime->malloc_state.malloc_size += malloc_usable_size(bytes);
    JSValue arguments[3] = {buffer, JS_NewInt32(context, 0), JS_NewInt32(context, (int32_t)length)};
    *result = JS_NewTypedArray(context, 3, arguments, JS_TYPED_ARRAY_UINT8);
    JS_FreeValue(context, buffer);
    return JS_IsException(*result) ? -1 : 0;
}

// The one buffer that is the whole memory. QuickJS takes a null pointer for "allocate", so it is made with
// another, which is then replaced (fact 3 of docs/internals/facts.md). It is resizable for the engine, so that views
// track its length; JavaScript cannot resize it, because this function refuses.
static void *refuse_resize(JSRuntime *rt, void *opaque, void *bytes, size_t size)
{
    (void)rt;
    (void)opaque;
    (void)bytes;
    (void)size;
    return NULL;
}

static JSValue memory_buffer = JS_UNDEFINED;
static JSArrayBuffer *memory;

// What marks the buffer of a WebAssembly.Memory that is a window (link/src/window.rs).
static char window;

// The buffer of a memory cannot be detached but by the memory, as the standard has it (its [[ArrayBufferDetachKey]]):
// WebAssembly knows its address.
static JSValue guarded_transfer(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv, int magic)
{
    JSArrayBuffer *buffer = JS_GetOpaque(this_value, JS_CLASS_ARRAY_BUFFER);
    if (buffer && (buffer == memory || buffer->opaque == &window))
        return JS_ThrowTypeError(ctx, "the buffer of a WebAssembly.Memory cannot be detached");
    return js_array_buffer_transfer(ctx, this_value, argc, argv, magic);
}

static int guard_transfer(const char *name, int magic)
{
    JSValue function = JS_NewCFunctionMagic(context, guarded_transfer, name, 0, JS_CFUNC_generic_magic, magic);
    return JS_DefinePropertyValueStr(context, context->class_proto[JS_CLASS_ARRAY_BUFFER], name, function,
                                     JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
}

static int guard_transfers(void)
{
    static bool guarded;
    if (guarded)
        return 0;
    guarded = true;
    return guard_transfer("transfer", JS_ARRAY_BUFFER_TRANSFER) < 0 ||
                   guard_transfer("transferToImmutable", JS_ARRAY_BUFFER_TRANSFER_TO_IMMUTABLE) < 0 ||
                   guard_transfer("transferToFixedLength", JS_ARRAY_BUFFER_TRANSFER_TO_FIXED_LENGTH) < 0
               ? -1
               : 0;
}

// A buffer of zeros for a window; or, in the place of `*buffer`, which is detached, a longer one that begins as it did.
int EXPORT(engine_window)(JSValue *buffer, uint32_t length, JSValue *result)
{
    if (guard_transfers() < 0)
        return -1;
    if (JS_IsUndefined(*buffer)) {
        *result = js_array_buffer_constructor3(context, JS_UNDEFINED, length, NULL, JS_CLASS_ARRAY_BUFFER, NULL,
                                               js_array_buffer_realloc, &window, true);
    } else {
        JSValue size = JS_NewInt64(context, length);
        *result = js_array_buffer_transfer(context, *buffer, 1, &size, JS_ARRAY_BUFFER_TRANSFER_TO_FIXED_LENGTH);
    }
    return JS_IsException(*result) ? -1 : 0;
}

int EXPORT(engine_memory_buffer)(uint32_t length, JSValue *result)
{
    if (!memory) {
        if (guard_transfers() < 0)
            return -1;
        JSValue buffer = JS_NewArrayBuffer(context, (uint8_t *)16, length, INT32_MAX, refuse_resize, NULL, false);
        if (JS_IsException(buffer))
            return -1;
        memory = js_get_array_buffer(context, buffer);
        memory->data = NULL;
        memory_buffer = buffer;
    }
    *result = JS_DupValue(context, memory_buffer);
    return 0;
}

// The base never moves: only the length and the views that track it change (fact 4). Allocates nothing.
void EXPORT(engine_memory_grown)(uint32_t length)
{
    if (!memory)
        return;
    memory->byte_length = (int)length;
    js_array_buffer_update_typed_arrays(memory);
    // `set` copies in one go only what lies within the length that it finds here.
    struct list_head *each;
    list_for_each(each, &memory->array_list) {
        JSTypedArray *view = list_entry(each, JSTypedArray, link);
        if (view->track_rab && view->obj->class_id != JS_CLASS_DATAVIEW)
            view->length = view->obj->u.array.count << typed_array_size_log2(view->obj->class_id);
    }
}

/* --- functions and objects of the host -------------------------------------- */

// The JavaScript function of the WebAssembly function `index`.
int EXPORT(engine_wasm_function)(int index, int parameters, JSValue *result)
{
    if (index >= wasm_functions_length) {
        int length = wasm_functions_length ? wasm_functions_length : 4096;
        while (length <= index)
            length *= 2;
        JSObject **grown = realloc(wasm_functions, (size_t)length * sizeof *grown);
        if (!grown) {
            JS_ThrowOutOfMemory(context);
            return -1;
        }
        memset(grown + wasm_functions_length, 0, (size_t)(length - wasm_functions_length) * sizeof *grown);
        wasm_functions = grown;
        wasm_functions_length = length;
    }
    if (wasm_functions[index]) {
        *result = JS_DupValue(context, JS_MKPTR(JS_TAG_OBJECT, wasm_functions[index]));
        return 0;
    }
    JSValue function = JS_NewObjectProtoClass(context, context->function_proto, wasm_function_class);
    if (JS_IsException(function))
        return -1;
    JS_SetOpaque(function, (void *)(intptr_t)(index + 1));
    JS_DefinePropertyValue(context, function, JS_ATOM_length, JS_NewInt32(context, parameters), JS_PROP_CONFIGURABLE);
    JS_DefinePropertyValue(context, function, JS_ATOM_name,
                           JS_AtomToString(context, JS_NewAtomUInt32(context, (uint32_t)index)), JS_PROP_CONFIGURABLE);
    wasm_functions[index] = JS_VALUE_GET_OBJ(function);
    *result = function;
    return 0;
}

// The index of a WebAssembly function, or -1 for any other value.
int EXPORT(engine_wasm_function_index)(JSValue *value)
{
    return (int)(intptr_t)JS_GetOpaque(*value, wasm_function_class) - 1;
}

int EXPORT(engine_new_host_object)(int kind, int index, JSValue *result)
{
    *result = JS_NewObjectClass(context, host_object_class);
    if (JS_IsException(*result))
        return -1;
    JS_SetOpaque(*result, (void *)(uintptr_t)(((uint32_t)kind << 28) | (uint32_t)(index + 1)));
    return 0;
}

// The prototype of host objects from now on.
void EXPORT(engine_host_object_prototype)(JSValue *prototype)
{
    JS_SetClassProto(context, host_object_class, JS_DupValue(context, *prototype));
}

// The index of a host object of the kind, or -1 for any other value.
int EXPORT(engine_host_object_index)(int kind, JSValue *value)
{
    uint32_t opaque = (uint32_t)(uintptr_t)JS_GetOpaque(*value, host_object_class);
    return opaque != 0 && opaque >> 28 == (uint32_t)kind ? (int)(opaque & 0x0fffffff) - 1 : -1;
}

static JSValue call_operation(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv, int operation,
                              JSValue *data)
{
    JSValue result = JS_UNDEFINED;
    (void)ctx;
    (void)this_value;
    (void)data;
    if (host_operation(operation, argc, (JSValue *)argv, &result) < 0)
        return JS_EXCEPTION;
    return result;
}

/* --- the module "taipan:host" ------------------------------------------------ */

static JSValue host_object = JS_UNDEFINED;

static int start_host_module(JSContext *ctx, JSModuleDef *module)
{
    return JS_SetModuleExport(ctx, module, "default", JS_DupValue(ctx, host_object));
}

// utf8_decode(buffer, byteOffset, byteLength, fatal, ignoreBOM): the Encoding Standard's "UTF-8 decode".
static JSValue host_utf8_decode(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    uint32_t address, length, offset = 0, count = 0;
    (void)this_value;
    // Conversions to numbers can run JavaScript, which can take the buffer away: they come first.
    bool has_count = argc > 2 && !JS_IsUndefined(argv[2]);
    if (argc > 1 && JS_ToUint32(ctx, &offset, argv[1]))
        return JS_EXCEPTION;
    if (has_count && JS_ToUint32(ctx, &count, argv[2]))
        return JS_EXCEPTION;
    if (engine_bytes((JSValue *)&argv[0], &address, &length) < 0)
        return JS_EXCEPTION;
    if (!has_count)
        count = length > offset ? length - offset : 0;
    if ((uint64_t)offset + count > length)
        return JS_ThrowRangeError(ctx, "byte range %u+%u is outside of a buffer of %u bytes", offset, count, length);
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)address + offset;
    bool fatal = argc > 3 && JS_ToBool(ctx, argv[3]);
    bool ignore_bom = argc > 4 && JS_ToBool(ctx, argv[4]);
    if (!ignore_bom && count >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf) {
        bytes += 3;
        count -= 3;
    }
    // quickjs.c decodes WTF-8 and counts ill-formed sequences its own way: check first, repair where needed.
    uint8_t *repaired = NULL;
    uint32_t at = 0, out = 0;
    while (at < count) {
        uint8_t lead = bytes[at];
        uint32_t need = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2
                        : lead >= 0xf0 && lead < 0xf5 ? 3 : UINT32_MAX;
        uint32_t seen = 0;
        bool valid = need != UINT32_MAX;
        uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        while (valid && seen < need) {
            if (at + 1 + seen >= count || bytes[at + 1 + seen] < low || bytes[at + 1 + seen] > high) {
                valid = false;
                break;
            }
            seen++;
            low = 0x80;
            high = 0xbf;
        }
        if (!valid) {
            if (fatal) {
                js_free(ctx, repaired);
                return JS_ThrowTypeError(ctx, "the bytes are not valid utf-8 (at byte %u)", at);
            }
            if (!repaired) {
                repaired = js_malloc(ctx, (size_t)count * 3 + 1);
                if (!repaired)
                    return JS_EXCEPTION;
                memcpy(repaired, bytes, at);
                out = at;
            }
            memcpy(repaired + out, "\xef\xbf\xbd", 3);
            out += 3;
            at += 1 + (need == UINT32_MAX ? 0 : seen);
            continue;
        }
        if (repaired) {
            memcpy(repaired + out, bytes + at, 1 + need);
            out += 1 + need;
        }
        at += 1 + need;
    }
    JSValue string = JS_NewStringLen(ctx, (const char *)(repaired ? repaired : bytes), repaired ? out : count);
    js_free(ctx, repaired);
    return string;
}

static JSValue host_utf8_encode(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t length;
    (void)this_value;
    (void)argc;
    char *bytes = well_formed(ctx, argv[0], &length);
    if (!bytes)
        return JS_EXCEPTION;
    JSValue result = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)bytes, length);
    JS_FreeCString(ctx, bytes);
    return result;
}

// utf8_encode_into(string, view) writes whole characters as far as they fit and returns the bytes written;
// `host.utf8_units_read` holds the UTF-16 units that were read.
static JSValue host_utf8_encode_into(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t length;
    uint32_t address, capacity;
    (void)argc;
    // The conversion to a string can run JavaScript, which can take the view away: it comes first.
    char *bytes = well_formed(ctx, argv[0], &length);
    if (!bytes)
        return JS_EXCEPTION;
    if (engine_bytes((JSValue *)&argv[1], &address, &capacity) < 0) {
        JS_FreeCString(ctx, bytes);
        return JS_EXCEPTION;
    }
    uint32_t written = 0, units = 0;
    while (written < length) {
        uint8_t lead = (uint8_t)bytes[written];
        uint32_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (written + size > capacity)
            break;
        written += size;
        units += size == 4 ? 2 : 1;
    }
    memcpy((uint8_t *)(uintptr_t)address, bytes, written);
    JS_FreeCString(ctx, bytes);
    JS_SetPropertyStr(ctx, this_value, "utf8_units_read", JS_NewInt32(ctx, (int32_t)units));
    return JS_NewInt32(ctx, (int32_t)written);
}

// The code point at *at of a string's units, which moves behind it. A lone surrogate is one, as in Python.
static uint32_t code_point_at(const uint16_t *units, uint32_t count, uint32_t *at)
{
    uint32_t unit = units[(*at)++];
    if ((unit & 0xfc00) == 0xd800 && *at < count && (units[*at] & 0xfc00) == 0xdc00)
        return 0x10000 + ((unit & 0x3ff) << 10) + (units[(*at)++] & 0x3ff);
    return unit;
}

// string_measure(string): its number of code points, times 2^21, and the widest of them: of those up to 255, one that
// is as wide as all of them.
static JSValue host_string_measure(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value;
    (void)argc;
    JSValue text = JS_ToString(ctx, argv[0]);
    if (JS_IsException(text))
        return JS_EXCEPTION;
    JSString *string = JS_VALUE_GET_STRING(text);
    uint32_t count = string->len, points = 0, widest = 0;
    if (string->is_wide_char) {
        for (uint32_t at = 0; at < count; points++) {
            uint32_t point = code_point_at(str16(string), count, &at);
            widest = point > widest ? point : widest;
        }
    } else {
        points = count;
        for (uint32_t at = 0; at < count; at++)
            widest |= str8(string)[at];
    }
    JS_FreeValue(ctx, text);
    return JS_NewInt64(ctx, (int64_t)points << 21 | widest);
}

// string_copy(string, memory, address, widest) writes its code points into a view of the memory, as wide as
// `string_measure` says that they are: 1 byte up to 255, 2 up to 65,535, 4 beyond. What has no room is a RangeError.
static JSValue host_string_copy(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    uint32_t offset, widest, address, capacity;
    (void)this_value;
    (void)argc;
    // The conversions can run JavaScript, which can take the view away: they come first.
    if (JS_ToUint32(ctx, &offset, argv[2]) || JS_ToUint32(ctx, &widest, argv[3]))
        return JS_EXCEPTION;
    JSValue text = JS_ToString(ctx, argv[0]);
    if (JS_IsException(text))
        return JS_EXCEPTION;
    if (engine_bytes((JSValue *)&argv[1], &address, &capacity) < 0) {
        JS_FreeValue(ctx, text);
        return JS_EXCEPTION;
    }
    JSString *string = JS_VALUE_GET_STRING(text);
    uint32_t width = !string->is_wide_char || widest < 0x100 ? 1 : widest < 0x10000 ? 2 : 4;
    uint32_t room = offset > capacity ? 0 : (capacity - offset) / width, count = string->len, at = 0, points = 0;
    uint8_t *bytes = (uint8_t *)(uintptr_t)address + offset;
    if (!string->is_wide_char) {
        at = count < room ? count : room;
        memcpy(bytes, str8(string), at);
    }
    for (; string->is_wide_char && at < count && points < room; points++) {
        uint32_t point = code_point_at(str16(string), count, &at);
        if (width == 1)
            bytes[points] = (uint8_t)point;
        else if (width == 2)
            ((uint16_t *)bytes)[points] = (uint16_t)point;
        else
            ((uint32_t *)bytes)[points] = point;
    }
    JS_FreeValue(ctx, text);
    if (at < count)
        return JS_ThrowRangeError(ctx, "no room for a string of %u units at %u", count, offset);
    return JS_UNDEFINED;
}

// prototype_of(object): its prototype, or undefined for a proxy: no trap runs, and a revoked one throws nothing.
static JSValue host_prototype_of(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)ctx;
    (void)this_value;
    (void)argc;
    if (!JS_IsObject(argv[0]) || JS_VALUE_GET_OBJ(argv[0])->class_id == JS_CLASS_PROXY)
        return JS_UNDEFINED;
    JSObject *prototype = JS_VALUE_GET_OBJ(argv[0])->shape->proto;
    return prototype ? js_dup(JS_MKPTR(JS_TAG_OBJECT, prototype)) : JS_NULL;
}

// finalize_early(registry): its callbacks may be called before the end of the turn, wherever JavaScript calls
// WebAssembly or the host. One registry has this: that of the proxies of the main module's objects.
static JSValue host_finalize_early(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value;
    (void)argc;
    JSFinalizationRegistryData *registry = JS_GetOpaque2(ctx, argv[0], JS_CLASS_FINALIZATION_REGISTRY);
    if (!registry)
        return JS_EXCEPTION;
    if (early_callback)
        return JS_ThrowTypeError(ctx, "another registry is finalized early");
    early_callback = JS_VALUE_GET_PTR(JS_DupValue(ctx, registry->cb));
    return JS_UNDEFINED;
}

/* --- what holds what --------------------------------------------------------- */

// Whether the object is a target of the registry that `finalize_early` was given.
static bool is_registered(JSGCObjectHeader *object, JSFinRecEntry **entry)
{
    if (JS_GC_TYPE(object) != JS_GC_OBJ_TYPE_JS_OBJECT)
        return false;
    for (JSWeakRefRecord *record = ((JSObject *)object)->first_weak_ref; record; record = record->next_weak_ref) {
        if (record->kind != JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_ENTRY || !is_early(record->u.fin_rec_entry->cb))
            continue;
        *entry = record->u.fin_rec_entry;
        return true;
    }
    return false;
}

// registered(): an Array of the targets of that registry, each with what is held for it behind.
static JSValue host_registered(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    JSFinRecEntry *entry;
    struct list_head *each;
    uint32_t count = 0;
    (void)this_value;
    (void)argc;
    (void)argv;
    // Nothing may be made while the list is walked.
    list_for_each(each, &runtime->gc_obj_list)
        count += is_registered(list_entry(each, JSGCObjectHeader, link), &entry);
    JSValue *found = js_malloc(ctx, (count + 1) * 2 * sizeof *found);
    if (!found)
        return JS_EXCEPTION;
    count = 0;
    list_for_each(each, &runtime->gc_obj_list) {
        JSGCObjectHeader *object = list_entry(each, JSGCObjectHeader, link);
        if (is_registered(object, &entry)) {
            found[count++] = js_dup(JS_MKPTR(JS_TAG_OBJECT, object));
            found[count++] = js_dup(entry->held_val);
        }
    }
    JSValue array = JS_NewArrayFrom(ctx, (int)count, found);
    js_free(ctx, found);
    return array;
}

// What a walk has found; all of it is marked, and the marks are taken away at its end.
static struct {
    JSGCObjectHeader **found;
    uint32_t length, capacity;
    bool failed;
} walk;

static void walk_to(JSRuntime *rt, JSGCObjectHeader *object)
{
    (void)rt;
    if (js_rc(object)->mark || walk.failed)
        return;
    if (walk.length == walk.capacity) {
        uint32_t capacity = walk.capacity ? 2 * walk.capacity : 1024;
        JSGCObjectHeader **grown = realloc(walk.found, capacity * sizeof *grown);
        walk.failed = !grown;
        if (!grown)
            return;
        walk.found = grown;
        walk.capacity = capacity;
    }
    js_rc(object)->mark = 1;
    walk.found[walk.length++] = object;
}

// Code of the platform, by whose functions everything would reach everything.
static bool is_of_platform(JSFunctionBytecode *code)
{
    static const char prefix[] = "taipan:";
    char buffer[ATOM_GET_STR_BUF_SIZE];
    const char *name = JS_AtomGetStr(context, buffer, sizeof buffer, code->filename);
    return !strncmp(name, prefix, sizeof prefix - 1);
}

// Goes on from an object: not from what lives as long as the isolate, whoever holds it, nor from what the registry knows;
// and from a function of the platform only to its properties, since proxies can be such functions.
static void walk_from(JSGCObjectHeader *object)
{
    JSFinRecEntry *entry;
    switch (JS_GC_TYPE(object)) {
    case JS_GC_OBJ_TYPE_JS_CONTEXT:
        return;
    case JS_GC_OBJ_TYPE_FUNCTION_BYTECODE:
        if (is_of_platform((JSFunctionBytecode *)object))
            return;
        break;
    case JS_GC_OBJ_TYPE_JS_OBJECT: {
        JSObject *holder = (JSObject *)object;
        JSFunctionBytecode *code = JS_GetFunctionBytecode(JS_MKPTR(JS_TAG_OBJECT, object));
        if (holder == JS_VALUE_GET_OBJ(context->global_obj) || is_registered(object, &entry))
            return;
        if (!code || !is_of_platform(code))
            break;
        JSShapeProperty *property = get_shape_prop(holder->shape);
        for (int i = 0; i < holder->shape->prop_count; i++, property++)
            if (property->atom != JS_ATOM_NULL && (property->flags & JS_PROP_TMASK) == JS_PROP_NORMAL)
                JS_MarkValue(runtime, holder->prop[i].u.value, walk_to);
        return;
    }
    default:
        break;
    }
    mark_children(runtime, object, walk_to);
}

// reached(value, targets): an Array of the indices of those in the Array `targets` that the value holds, over any number
// of objects that are neither such targets nor the platform's.
static JSValue host_reached(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    int64_t count;
    (void)this_value;
    (void)argc;
    JSValue reached = JS_NewArray(ctx);
    if (JS_IsException(reached) || JS_GetLength(ctx, argv[1], &count) < 0)
        return JS_EXCEPTION;
    memset(&walk, 0, sizeof walk);
    JS_MarkValue(runtime, argv[0], walk_to);
    for (uint32_t at = 0; at < walk.length; at++)
        walk_from(walk.found[at]);
    uint8_t *is_reached = walk.failed ? NULL : js_mallocz(ctx, (size_t)count + 1);
    for (int64_t i = 0; is_reached && i < count; i++) {
        JSValue target = JS_GetPropertyInt64(ctx, argv[1], i);
        is_reached[i] = JS_VALUE_GET_TAG(target) == JS_TAG_OBJECT && js_rc(JS_VALUE_GET_PTR(target))->mark;
        JS_FreeValue(ctx, target);
    }
    // Before anything is made, which may start a collection.
    for (uint32_t at = 0; at < walk.length; at++)
        js_rc(walk.found[at])->mark = 0;
    free(walk.found);
    if (!is_reached) {
        JS_FreeValue(ctx, reached);
        return walk.failed ? JS_ThrowOutOfMemory(ctx) : JS_EXCEPTION;
    }
    uint32_t length = 0;
    for (int64_t i = 0; i < count; i++)
        if (is_reached[i])
            JS_SetPropertyUint32(ctx, reached, length++, JS_NewInt64(ctx, i));
    js_free(ctx, is_reached);
    return reached;
}

// evaluate(text, name): the value of a classic script.
static JSValue host_evaluate(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t length;
    (void)this_value;
    (void)argc;
    const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
    const char *name = JS_ToCString(ctx, argv[1]);
    JSValue value = JS_EXCEPTION;
    if (text && name)
        value = JS_Eval(ctx, text, length, name, JS_EVAL_TYPE_GLOBAL);
    JS_FreeCString(ctx, text);
    JS_FreeCString(ctx, name);
    return value;
}

// import_now(name): the namespace of a module that waits for nothing.
static JSValue host_import_now(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    JSValue module, promise;
    (void)this_value;
    (void)argc;
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    int status = engine_load(name, &module);
    JS_FreeCString(ctx, name);
    if (status < 0)
        return JS_EXCEPTION;
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    if (engine_run(&module, &promise) < 0)
        return JS_EXCEPTION;
    JSValue outcome = JS_PromiseResult(ctx, promise);
    int state = JS_PromiseState(ctx, promise);
    if (state == JS_PROMISE_REJECTED)
        rejection_tracker(ctx, promise, outcome, true, NULL);
    JS_FreeValue(ctx, promise);
    if (state == JS_PROMISE_REJECTED)
        return JS_Throw(ctx, outcome);
    JS_FreeValue(ctx, outcome);
    if (state == JS_PROMISE_PENDING)
        return JS_ThrowTypeError(ctx, "the module awaits at its top level: use import()");
    return JS_GetModuleNamespace(ctx, definition);
}

// owner(): in whose name JavaScript runs.
static JSValue host_owner(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value;
    (void)argc;
    (void)argv;
    return JS_NewUint32(ctx, current_owner);
}

// set_owner(number): in whose name it runs from now on, until the next job; the one before.
static JSValue host_set_owner(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    uint32_t before = current_owner, owner;
    (void)this_value;
    (void)argc;
    if (JS_ToUint32(ctx, &owner, argv[0]))
        return JS_EXCEPTION;
    run_as(owner);
    return JS_NewUint32(ctx, before);
}

// Makes "taipan:host" with the functions that need no host.
int EXPORT(engine_start_host_module)(void)
{
    static const JSCFunctionListEntry functions[] = {
        JS_CFUNC_DEF("utf8_decode", 5, host_utf8_decode),
        JS_CFUNC_DEF("utf8_encode", 1, host_utf8_encode),
        JS_CFUNC_DEF("utf8_encode_into", 2, host_utf8_encode_into),
        JS_CFUNC_DEF("string_measure", 1, host_string_measure),
        JS_CFUNC_DEF("string_copy", 4, host_string_copy),
        JS_CFUNC_DEF("prototype_of", 1, host_prototype_of),
        JS_CFUNC_DEF("finalize_early", 1, host_finalize_early),
        JS_CFUNC_DEF("registered", 0, host_registered),
        JS_CFUNC_DEF("reached", 2, host_reached),
        JS_CFUNC_DEF("evaluate", 2, host_evaluate),
        JS_CFUNC_DEF("import_now", 1, host_import_now),
        JS_CFUNC_DEF("owner", 0, host_owner),
        JS_CFUNC_DEF("set_owner", 1, host_set_owner),
        JS_CFUNC_MAGIC_DEF("set_error_factory", 1, set_factory, ERROR_FACTORY),
        JS_CFUNC_MAGIC_DEF("set_synthetic_factory", 1, set_factory, SYNTHETIC_FACTORY),
    };
    host_object = JS_NewObject(context);
    if (JS_IsException(host_object))
        return -1;
    JS_SetPropertyFunctionList(context, host_object, functions, sizeof functions / sizeof *functions);
    JSModuleDef *module = JS_NewCModule(context, "taipan:host", start_host_module);
    return module ? JS_AddModuleExport(context, module, "default") : -1;
}

// Adds the host operation `operation` to "taipan:host".
int EXPORT(engine_add_operation)(int operation, const char *name)
{
    JSValue function = JS_NewCFunctionData2(context, call_operation, name, 0, operation, 0, NULL);
    if (JS_IsException(function))
        return -1;
    return JS_SetPropertyStr(context, host_object, name, function);
}
