//! Who serves which import of `pyodide.asm.wasm`, and why.
//!
//! For `taipan bundle inspect`. A new release that imports something else fails
//! this table's test.

/// Who serves an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// This crate, in Rust.
    Rust,
    /// `js/`, in place of what the glue has.
    Loader,
    /// The glue.
    Glue,
    /// The glue has it, and nothing that runs here calls it.
    Unreachable,
    /// The link step, which makes it the module's own.
    Linked,
    /// It is an address in the table of functions, and null: nothing that runs here
    /// asks for it.
    Null,
}

/// Imports that share their server and its reason.
#[derive(Clone, Copy, Debug)]
struct Group {
    module: &'static str,
    server: Server,
    reason: &'static str,
    /// Their names, separated by spaces.
    names: &'static str,
}

/// OpenGL functions; the main module imports the addresses of 274.
const GRAPHICS_PREFIX: &str = "emscripten_gl";

/// What the main module calls in place of a function that may throw, up to 0.27: a name for each type.
const INVOKE_PREFIX: &str = "invoke_";

/// Who serves the import `name` of `module`, and why; `None` for an import that no known release has.
pub fn server(module: &str, name: &str) -> Option<(Server, &'static str)> {
    if module == "GOT.func" && name.starts_with(GRAPHICS_PREFIX) {
        return Some((Server::Null, "OpenGL: there is nothing to draw on"));
    }
    if module == "env" && name.starts_with(INVOKE_PREFIX) {
        return Some((Server::Glue, "calls that JavaScript's exceptions leave, up to 0.27"));
    }
    GROUPS
        .iter()
        .find(|group| group.module == module && group.names.split(' ').any(|known| known == name))
        .map(|group| (group.server, group.reason))
}

const GROUPS: &[Group] = &[
    Group {
        module: "GOT.func",
        server: Server::Glue,
        reason: "addresses of functions that write to the console",
        names: "emscripten_console_log emscripten_console_error emscripten_console_warn \
                emscripten_console_trace emscripten_out emscripten_err",
    },
    Group {
        module: "env",
        server: Server::Rust,
        reason: "the engine allocates from the same heap, so JavaScript must not be entered while it grows",
        names: "emscripten_get_heap_max emscripten_resize_heap",
    },
    Group {
        module: "env",
        server: Server::Loader,
        reason: "`run_sync` blocks the stack instead of switching it (js/runsync.js)",
        names: "can_run_sync_js saveState syncifyHandler restoreState",
    },
    Group {
        module: "env",
        server: Server::Loader,
        reason: "paths and open files of layers and folders are the host's, others the glue's (js/layerfiles.js)",
        names: "__syscall_stat64 __syscall_lstat64 __syscall_openat __syscall_fstat64 __syscall_getdents64 \
                __syscall_ftruncate64 __syscall_fchmod __syscall_fdatasync",
    },
    Group {
        module: "wasi_snapshot_preview1",
        server: Server::Loader,
        reason: "files of layers are the host's, others the glue's (js/layerfiles.js)",
        names: "fd_close fd_read fd_pread fd_seek",
    },
    Group {
        module: "env",
        server: Server::Loader,
        reason: "the value that stands for a raised JavaScript error, and that for none: the host compares (js/loader.js)",
        names: "JsvError_Check Jsv_GetError_import JsvNoValue_Check",
    },
    Group {
        module: "env",
        server: Server::Unreachable,
        reason: "called only by a function that is called with another signature than it has; a wasm module of the glue does this (`modules`)",
        names: "_PyEM_TrampolineCall_JS",
    },
    Group {
        module: "env",
        server: Server::Rust,
        reason: "hot, and no JavaScript is needed",
        names: "JsvUTF8ToString _python2js_ascii _python2js_ucs1 _python2js_ucs2 _python2js_ucs4 \
                JsvNum_fromInt JsvNum_fromDouble is_comlink_proxy \
                __hiwire_deduplicate_get __hiwire_deduplicate_set __hiwire_deduplicate_delete",
    },
    Group {
        module: "env",
        server: Server::Rust,
        reason: "clocks are the host's",
        names: "emscripten_date_now emscripten_get_now",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "calendar and time zone",
        names: "_tzset_js _timegm_js _mktime_js _localtime_js _gmtime_js",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "sockets: there is no network below JavaScript, and each says so",
        names: "_maybe_connect_async _maybe_recvfrom_async _maybe_sendto_async _try_fcntl64 \
                _maybe_poll_async _try_shutdown getprotobyname getaddrinfo getnameinfo \
                _emscripten_lookup_name __syscall_accept4 __syscall_bind __syscall_connect \
                __syscall_getpeername __syscall_getsockname __syscall_getsockopt __syscall_listen \
                __syscall_recvfrom __syscall_recvmsg __syscall_sendmsg __syscall_sendto __syscall_socket",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "files: Emscripten's file system, with file layers (js/layerfs.js), folders of this machine (js/folderfs.js) and in-memory files (js/quota.js)",
        names: "JsvBuffer_writeToFile JsvBuffer_readFromFile JsvBuffer_intoFile \
                __syscall_faccessat __syscall_chdir __syscall_chmod \
                __syscall_fchownat _munmap_js _msync_js \
                __syscall_fchmodat2 __syscall_fchown32 __syscall_newfstatat __syscall_getcwd \
                __syscall_ioctl __syscall_fcntl64 __syscall_dup __syscall_dup3 __syscall_fchdir \
                __syscall_fstatfs64 _mmap_js \
                __syscall_mkdirat __syscall_mknodat __syscall_pipe __syscall_poll __syscall_fadvise64 \
                __syscall_fallocate __syscall_readlinkat __syscall_unlinkat __syscall_rmdir \
                __syscall_renameat __syscall_statfs64 __syscall_symlinkat \
                __syscall_truncate64 __syscall_utimensat",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "shared objects",
        names: "_dlopen_js _emscripten_dlopen_js emscripten_promise_create emscripten_promise_resolve \
                emscripten_promise_destroy _dlsym_js",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "C functions of foreign signatures, for `ctypes`",
        names: "ffi_call_js ffi_closure_alloc_js ffi_closure_free_js ffi_prep_closure_loc_js",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "the process: user, exit, signals, messages",
        names: "capture_stderr restore_stderr __assert_fail emscripten_asm_const_int set_suspender \
                get_suspender JsvPromise_Syncify_handleError emscripten_runtime_keepalive_push \
                emscripten_runtime_keepalive_pop exit _Py_emscripten_runtime \
                __syscall_getuid32_js __syscall_umask_js \
                emscripten_log_impl_js _abort_js _emscripten_log_formatted _emscripten_get_progname \
                _emscripten_runtime_keepalive_clear __call_sighandler _setitimer_js _emscripten_system",
    },
    Group {
        module: "env",
        server: Server::Unreachable,
        reason: "only Pyodide's and Emscripten's own tests and debuggers call these",
        names: "fail_test emscripten_set_up_async_input_device_js emscripten_debugger",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "the bridge: Python objects as JavaScript's, and the other way round",
        names: "new_error JsvError_Throw raw_call_js hiwire_invalid_ref_js set_pyodide_module \
                js2python_immutable_js js2python_js js2python_convert JsProxy_compute_typeflags \
                JsvArray_Check JsProxy_GetAttr_js pyproxy_Check JsvFunction_Check \
                handle_next_result_js destroy_proxy JsvArray_New destroy_proxies _agen_handle_result_js \
                JsvArray_Get JsvArray_Delete JsvArray_Set JsvPromise_Resolve create_promise_handles \
                JsModule_GetAll_js JsvBuffer_assignToPtr JsBuffer_get_info Jsv_constructorName \
                JsObjMap_GetIter_js JsObjMap_length_js JsObjMap_subscript_js JsObjMap_ass_subscript_js \
                JsObjMap_contains_js JsMap_GetIter_js JsProxy_GetIter_js JsProxy_GetAsyncIter_js \
                JsProxy_subscript_js Jsv_to_bool JsvPromise_Check JsvArray_slice JsvArray_slice_assign \
                destroy_jsarray_entries JsvArray_Extend JsvArray_ShallowCopy JsArray_repeat_js \
                JsArray_inplace_repeat_js JsException_new_helper JsProxy_Dir_js JsProxy_to_weakref_js \
                get_length_helper get_length_string JsProxy_exit_js JsProxy_aexit_js JsvArray_Push \
                JsvArray_Insert pyproxy_AsPyObject JsArray_index_js JsvObject_toString \
                JsProxy_DelAttr_js JsProxy_SetAttr_js Jsv_less_than Jsv_less_than_equal Jsv_equal \
                Jsv_not_equal Jsv_greater_than Jsv_greater_than_equal JsProxy_Bool_js Jsv_typeof \
                JsvObject_Entries JsvObject_Keys JsvObject_Values JsDoubleProxy_unwrap_js \
                create_once_callable JsArray_reverse_js JsArray_reversed_iterator JsArray_count_js \
                JsMap_clear_js JsvBuffer_assignFromPtr JsBuffer_DecodeString_js JsvFunction_Construct \
                JsvFunction_CallBound JsvObject_New JsvObject_SetAttr my_dict_converter \
                JsvGenerator_Check wrap_generator JsvAsyncGenerator_Check wrap_async_generator \
                get_async_js_call_done_callback gc_register_proxies throw_no_gil \
                proxy_cache_get proxy_cache_set _pyproxyGen_make_result JsvFunction_Call_OneArg \
                _pyproxy_get_buffer_result array_to_js pyproxy_new_ex pyproxy_new \
                _python2js_buffer_inner jslib_init_buffers_js jslib_init_js JsvObject_CallMethod \
                JsvObject_CallMethod_NoArgs JsvObject_CallMethod_OneArg JsvObject_CallMethod_TwoArgs \
                JsvBigInt_fromInt JsvNum_toInt \
                JsvBigInt_fromDigits Jsv_BigIntToNum JsvMap_New JsvLiteralMap_New JsvMap_Set JsvSet_New \
                JsvSet_Add _python2js_cache_lookup python2js__default_converter_js \
                python2js__eager_converter_js _python2js_add_to_cache _python2js_addto_postprocess_list \
                python2js_custom__create_jscontext _python2js_handle_postprocess_list _JsObject_Set_js \
                _JsArray_PushEntry_helper _JsArray_PostProcess_helper destroy_proxies_js pyodide_js_init \
                __hiwire_deduplicate_new",
    },
    Group {
        module: "wasi_snapshot_preview1",
        server: Server::Rust,
        reason: "clocks and entropy are the host's",
        names: "clock_res_get clock_time_get random_get",
    },
    Group {
        module: "env",
        server: Server::Rust,
        reason: "the signal that tells Python of its limits (src/limits.rs)",
        names: "_Py_CheckEmscriptenSignals_Helper",
    },
    Group {
        module: "wasi_snapshot_preview1",
        server: Server::Glue,
        reason: "the environment that the loader set",
        names: "environ_sizes_get environ_get",
    },
    Group {
        module: "wasi_snapshot_preview1",
        server: Server::Glue,
        reason: "the end of the process",
        names: "proc_exit",
    },
    Group {
        module: "env",
        server: Server::Linked,
        reason: "what a relocatable main module imports (up to 0.29) is its own",
        names: "memory __indirect_function_table __cpp_exception __c_longjmp __memory_base __table_base \
                __stack_pointer",
    },
    Group {
        module: "GOT.mem",
        server: Server::Linked,
        reason: "addresses that Emscripten's linker chose (up to 0.29)",
        names: "__heap_base __stack_high __stack_low",
    },
    Group {
        module: "GOT.func",
        server: Server::Glue,
        reason: "addresses of functions that end calls (up to 0.27)",
        names: "__cxa_end_catch __cxa_rethrow abort",
    },
    Group {
        module: "sentinel",
        server: Server::Loader,
        reason: "the value that stands for a raised JavaScript error (0.28 and 0.29)",
        names: "create_sentinel is_sentinel",
    },
    Group {
        module: "env",
        server: Server::Rust,
        reason: "entropy is the host's (up to 0.27)",
        names: "getentropy",
    },
    Group {
        module: "env",
        server: Server::Rust,
        reason: "asks functions of the table for their types (0.26)",
        names: "_PyEM_detect_type_reflection _PyEM_CountFuncParams",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "where the wasm module of the glue is that asks functions for their types (0.27 to 0.29)",
        names: "_PyEM_GetCountArgsPtr _PyEM_InitTrampoline_js",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "the exceptions of C and C++ as JavaScript's (up to 0.27)",
        names: "_emscripten_throw_longjmp __cxa_find_matching_catch_2 __cxa_find_matching_catch_3 \
                __resumeException __cxa_begin_catch __cxa_rethrow __cxa_end_catch __cxa_throw \
                __cxa_uncaught_exceptions __cxa_current_primary_exception \
                __cxa_rethrow_primary_exception",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "what older releases have under another name, or in JavaScript",
        names: "hiwire_invalid_ref JsDoubleProxy_unwrap_helper JsvNum_fromDigits \
                emscripten_exit_with_live_runtime _PyImport_InitFunc_TrampolineCall abort strftime \
                strftime_l _emscripten_get_now_is_monotonic emscripten_get_now_res \
                __syscall__newselect __syscall_symlink",
    },
    Group {
        module: "env",
        server: Server::Glue,
        reason: "system calls that 315 has come to",
        names: "__syscall_epoll_create1 __syscall_epoll_ctl __syscall_epoll_pwait \
                __syscall_getegid32 __syscall_geteuid32 __syscall_getgid32 __syscall_linkat \
                __syscall_pipe2 __syscall_poll_nonblocking __syscall_shutdown",
    },
    Group {
        module: "wasi_snapshot_preview1",
        server: Server::Glue,
        reason: "files and streams",
        names: "fd_write fd_sync fd_pwrite fd_fdstat_get",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_once() {
        let mut names: Vec<_> = GROUPS
            .iter()
            .flat_map(|group| group.names.split(' ').map(|name| (group.module, name)))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[track_caller]
    fn check(module: &str, name: &str, expect: Option<Server>) {
        assert_eq!(server(module, name).map(|(server, _)| server), expect);
    }

    #[test]
    fn servers() {
        check("env", "emscripten_resize_heap", Some(Server::Rust));
        check("env", "syncifyHandler", Some(Server::Loader));
        check("wasi_snapshot_preview1", "fd_write", Some(Server::Glue));
        check("wasi_snapshot_preview1", "fd_read", Some(Server::Loader));
        check("GOT.func", "emscripten_glClear", Some(Server::Null));
        check("env", "fd_read", None);
        check("env", "", None);
    }
}
