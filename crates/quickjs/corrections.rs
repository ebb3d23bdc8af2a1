//! What QuickJS-ng 0.16.2 has wrong in `quickjs.c`, and what it should be: pairs of a text that is there once, and the
//! text that takes its place. The build stops when one is not there, so a newer source is looked at again.

/// Texts that take the place of others.
type Correction = &'static [(&'static str, &'static str)];

pub(crate) const ALL: [Correction; 7] = [
    BIGINT_COMPARISON,
    WEAK_REFERENCES,
    FINALIZATION_REGISTRY,
    COUNTED_TARGETS,
    OWNERS,
    MEMORY_ERROR,
    SLICE_OF_A_GROWN_BUFFER,
];

/// `js_bigint_float64_cmp` compares the magnitudes of two negative numbers and
/// forgets their sign: `-5n < -1000` is true. Emscripten's glue asks so of each
/// file offset, and refused `seek(-5, SEEK_END)`.
const BIGINT_COMPARISON: Correction = &[(
    "            if (f < e)
                return -1;
            else
                return 1;
",
    "            return (f < e) == a_sign ? 1 : -1;
",
)];

/// The records of weak references to one object are a list that is linked one way: to take one out walks the list.
/// Linked both ways, that takes constant time. (Part of the report of [`FINALIZATION_REGISTRY`].)
const WEAK_REFERENCES: Correction = &[
    (
        "    struct JSWeakRefRecord *next_weak_ref;
    union {
",
        "    struct JSWeakRefRecord *next_weak_ref;
    struct JSWeakRefRecord **link; /* what points to this record */
    union {
",
    ),
    (
        "static JSWeakRefRecord **get_first_weak_ref(JSValueConst key)
{
",
        "static void delete_weakref_record(JSRuntime *rt, JSWeakRefRecord *wr)
{
    *wr->link = wr->next_weak_ref;
    if (wr->next_weak_ref)
        wr->next_weak_ref->link = wr->link;
    js_free_rt(rt, wr);
}

static JSWeakRefRecord **get_first_weak_ref(JSValueConst key)
{
",
    ),
    (
        "    wr->next_weak_ref = *pwr;
    *pwr = wr;
",
        "    wr->next_weak_ref = *pwr;
    wr->link = pwr;
    if (*pwr)
        (*pwr)->link = &wr->next_weak_ref;
    *pwr = wr;
",
    ),
    (
        "        if (wr->kind == JS_WEAK_REF_KIND_MAP && wr->u.map_record == mr)
            break;
        pwr = &wr->next_weak_ref;
    }
    *pwr = wr->next_weak_ref;
    js_free_rt(rt, wr);
",
        "        if (wr->kind == JS_WEAK_REF_KIND_MAP && wr->u.map_record == mr)
            break;
        pwr = &wr->next_weak_ref;
    }
    delete_weakref_record(rt, wr);
",
    ),
    (
        "    *pwr = wr->next_weak_ref;
    js_free_rt(rt, wrd);
    js_free_rt(rt, wr);
",
        "    delete_weakref_record(rt, wr);
    js_free_rt(rt, wrd);
",
    ),
];

/// The registry holds the tokens for `unregister` strongly, and looks for them one by one. The report for upstream:
///
/// > **`FinalizationRegistry`: unregister tokens are held strongly, and `unregister` takes linear time**
/// >
/// > `js_finrec_register` duplicates the token into the entry, and `js_finrec_mark` marks it, so that an object which is
/// > its own token (as MDN recommends) is never collected and its callback never called:
/// >
/// > ```js
/// > let called = 0;
/// > const registry = new FinalizationRegistry(() => called++);
/// > for (let i = 0; i < 1000; i++) { const target = {}; registry.register(target, i, target); }
/// > await 0; await 0;
/// > print(called); // 0; 1000 without the third argument
/// > ```
/// >
/// > ECMA-262 has the [[UnregisterToken]] of a cell in the list of weakly held values (9.9.3, 26.2.3.2), which is emptied
/// > when the token dies. `js_finrec_unregister` moreover walks all entries of the registry: with 50,000 of them,
/// > each call takes milliseconds.
/// >
/// > Proposal: a token that is not the target gets a weak record of its own, of a new kind. The death of the token
/// > removes that record, the death of the target removes entry and record. `unregister` walks the records of the token,
/// > not those of the registry. The records of an object are linked both ways, so that each is removed in constant time.
const FINALIZATION_REGISTRY: Correction = &[
    (
        "    JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_ENTRY,
} JSWeakRefKindEnum;
",
        "    JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_ENTRY,
    JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_TOKEN,
} JSWeakRefKindEnum;
",
    ),
    (
        "    JSValueConst target;
    JSValue held_val;
    JSValue token;
    JSValue cb;
    JSContext *ctx;
} JSFinRecEntry;
",
        "    struct JSFinalizationRegistryData *registry;
    JSWeakRefRecord *target_record;
    /* NULL: no token, or it is dead. The target's, if that is the token. */
    JSWeakRefRecord *token_record;
    JSValue held_val;
    JSValue cb;
    JSContext *ctx;
} JSFinRecEntry;
",
    ),
    (
        "static void delete_finrec_weakref(JSRuntime *rt, JSFinRecEntry *fre)
{
    JSWeakRefRecord **pwr, *wr;

    pwr = get_first_weak_ref(fre->target);
    for(;;) {
        wr = *pwr;
        assert(wr != NULL);
        if (wr->kind == JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_ENTRY && wr->u.fin_rec_entry == fre)
            break;
        pwr = &wr->next_weak_ref;
    }
    *pwr = wr->next_weak_ref;
    js_free_rt(rt, wr);
}
",
        "static void delete_finrec_token(JSRuntime *rt, JSFinRecEntry *fre)
{
    if (fre->token_record && fre->token_record != fre->target_record)
        delete_weakref_record(rt, fre->token_record);
    fre->token_record = NULL;
}

static void delete_finrec_weakref(JSRuntime *rt, JSFinRecEntry *fre)
{
    delete_finrec_token(rt, fre);
    delete_weakref_record(rt, fre->target_record);
}
",
    ),
    (
        "    JS_FreeValueRT(rt, fre->token);
",
        "",
    ),
    (
        "            JS_MarkValue(rt, fre->token, mark_func);
",
        "",
    ),
    (
        "    JSWeakRefRecord *wr = js_malloc(ctx, sizeof(*wr));
    if (!wr) {
        js_free(ctx, fre);
        return JS_EXCEPTION;
    }
    fre->cb = js_dup(frd->cb);
    fre->ctx = JS_DupContext(frd->ctx);
    fre->target = target;
    fre->held_val = js_dup(held_val);
    fre->token = js_dup(token);
    list_add_tail(&fre->link, &frd->entries);
    wr->kind = JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_ENTRY;
    wr->u.fin_rec_entry = fre;
    insert_weakref_record(target, wr);

    return JS_UNDEFINED;
",
        "    JSWeakRefRecord *wr = js_malloc(ctx, sizeof(*wr));
    if (!wr) {
        js_free(ctx, fre);
        return JS_EXCEPTION;
    }
    fre->token_record = NULL;
    if (js_same_value(ctx, token, target)) {
        fre->token_record = wr;
    } else if (!JS_IsUndefined(token)) {
        fre->token_record = js_malloc(ctx, sizeof(*wr));
        if (!fre->token_record) {
            js_free(ctx, wr);
            js_free(ctx, fre);
            return JS_EXCEPTION;
        }
        fre->token_record->kind = JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_TOKEN;
        fre->token_record->u.fin_rec_entry = fre;
        insert_weakref_record(token, fre->token_record);
    }
    fre->cb = js_dup(frd->cb);
    fre->ctx = JS_DupContext(frd->ctx);
    fre->registry = frd;
    fre->target_record = wr;
    fre->held_val = js_dup(held_val);
    list_add_tail(&fre->link, &frd->entries);
    wr->kind = JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_ENTRY;
    wr->u.fin_rec_entry = fre;
    insert_weakref_record(target, wr);

    return JS_UNDEFINED;
",
    ),
    (
        "    struct list_head *el, *el1;
    bool removed = false;
    list_for_each_safe(el, el1, &frd->entries) {
        JSFinRecEntry *fre = list_entry(el, JSFinRecEntry, link);
        if (js_same_value(ctx, fre->token, token)) {
            list_del(&fre->link);
            delete_finrec_weakref(ctx->rt, fre);
            js_finrec_free(ctx->rt, fre);
            removed = true;
        }
    }

    return js_bool(removed);
",
        "    /* first pass to remove the records, because freeing a held value
       can change the list of the token. */
    struct list_head removed, *el, *el1;
    init_list_head(&removed);
    JSWeakRefRecord *wr, *wr_next;
    for(wr = *get_first_weak_ref(token); wr != NULL; wr = wr_next) {
        wr_next = wr->next_weak_ref;
        if (wr->kind != JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_ENTRY &&
            wr->kind != JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_TOKEN)
            continue;
        JSFinRecEntry *fre = wr->u.fin_rec_entry;
        if (fre->token_record != wr || fre->registry != frd)
            continue;
        list_del(&fre->link);
        list_add_tail(&fre->link, &removed);
        delete_finrec_weakref(ctx->rt, fre);
    }
    bool found = !list_empty(&removed);
    list_for_each_safe(el, el1, &removed) {
        JSFinRecEntry *fre = list_entry(el, JSFinRecEntry, link);
        js_finrec_free(ctx->rt, fre);
    }

    return js_bool(found);
",
    ),
    (
        "            fre = wr->u.fin_rec_entry;
            list_del(&fre->link);
            break;
        default:
",
        "            fre = wr->u.fin_rec_entry;
            list_del(&fre->link);
            delete_finrec_token(rt, fre);
            break;
        case JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_TOKEN:
            wr->u.fin_rec_entry->token_record = NULL;
            break;
        default:
",
    ),
    (
        "            js_finrec_free(rt, fre);
            break;
        }
        default:
",
        "            js_finrec_free(rt, fre);
            break;
        }
        case JS_WEAK_REF_KIND_FINALIZATION_REGISTRY_TOKEN:
            break;
        default:
",
    ),
];

/// No fault of upstream's: what `engine.c` counts and calls earlier than at the end of the turn (in the text as corrected).
const COUNTED_TARGETS: Correction = &[
    (
        "typedef struct JSFinRecEntry {
",
        "static struct { uint32_t targets, early_due; } finalization;
static void *early_callback;

static bool is_early(JSValueConst callback)
{
    return early_callback && JS_IsObject(callback) && JS_VALUE_GET_PTR(callback) == early_callback;
}

typedef struct JSFinRecEntry {
",
    ),
    (
        "    fre->registry = frd;
",
        "    finalization.targets++;
    fre->registry = frd;
",
    ),
    (
        "static void js_finrec_free(JSRuntime *rt, JSFinRecEntry *fre)
{
",
        "static void js_finrec_free(JSRuntime *rt, JSFinRecEntry *fre)
{
    finalization.targets--;
",
    ),
    (
        "                JS_EnqueueJob(fre->ctx, js_finrec_job, 2, args);
",
        "                if (JS_EnqueueJob(fre->ctx, js_finrec_job, 2, args) == 0)
                    finalization.early_due += is_early(fre->cb);
",
    ),
    (
        "    return JS_Call(ctx, argv[0], JS_UNDEFINED, 1, &argv[1]);
}

int JS_AddIntrinsicWeakRef(JSContext *ctx)
",
        "    /* One that was due before its callback became early was not counted. */
    finalization.early_due -= finalization.early_due > 0 && is_early(argv[0]);
    return JS_Call(ctx, argv[0], JS_UNDEFINED, 1, &argv[1]);
}

int JS_AddIntrinsicWeakRef(JSContext *ctx)
",
    ),
];

/// What `quickjs.c` must do beside, so that it is known in whose name JavaScript runs (`current_owner` in
/// `c/engine.c`): a job runs in the name of its maker, and a reaction to a promise in that of the owner that asked for
/// it, not of the one that settles it. That is what an `AsyncContext.Variable` of the proposal of TC39 would do.
const OWNERS: Correction = &[
    (
        "    int argc;
    JSValue argv[];
} JSJobEntry;
",
        "    int argc;
    uint32_t owner;
    JSValue argv[];
} JSJobEntry;
",
    ),
    (
        "    e->job_func = job_func;
",
        "    e->job_func = job_func;
    e->owner = current_owner;
",
    ),
    (
        "    res = e->job_func(e->ctx, e->argc, vc(e->argv));
",
        "    run_as(e->owner);
    res = e->job_func(e->ctx, e->argc, vc(e->argv));
",
    ),
    (
        "    JSValue handler;
} JSPromiseReactionData;
",
        "    JSValue handler;
    uint32_t owner;
} JSPromiseReactionData;
",
    ),
    (
        "        rd->handler = js_dup(handler);
",
        "        rd->handler = js_dup(handler);
        rd->owner = current_owner;
",
    ),
    (
        "        args[4] = value;
        JS_EnqueueJob(ctx, promise_reaction_job, 5, args);
",
        "        args[4] = value;
        uint32_t settler = current_owner;
        current_owner = rd->owner;
        JS_EnqueueJob(ctx, promise_reaction_job, 5, args);
        current_owner = settler;
",
    ),
];

/// Where there is no memory for an error, `null` is thrown, which no program expects. `engine.c` makes an error for
/// that at its start.
const MEMORY_ERROR: Correction = &[
    (
        "static JSValue JS_PRINTF_FORMAT_ATTR(4, 0)
JS_ThrowError2(JSContext *ctx,",
        "static JSValue memory_error = JS_NULL;

static JSValue JS_PRINTF_FORMAT_ATTR(4, 0)
JS_ThrowError2(JSContext *ctx,",
    ),
    (
        "        /* out of memory: throw JS_NULL to avoid recursing */
        obj = JS_NULL;
    }
    return JS_Throw(ctx, obj);
",
        "        /* out of memory: allocate nothing, to avoid recursing */
        obj = js_dup(memory_error);
    }
    return JS_Throw(ctx, obj);
",
    ),
    // Nor is an error without its message one that a program expects.
    (
        "    if (JS_IsException(msg))
        msg = JS_NewString(ctx, \"Invalid error message\");
    if (!JS_IsException(msg)) {
        JS_DefinePropertyValue(ctx, obj, JS_ATOM_message, msg,
                               JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    }
",
        "    if (JS_IsException(msg) ||
        JS_DefinePropertyValue(ctx, obj, JS_ATOM_message, msg,
                               JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE) < 0) {
        JS_FreeValue(ctx, obj);
        return JS_EXCEPTION;
    }
",
    ),
];

/// `%TypedArray%.prototype.slice` copies element by element when the array's length has changed since it was looked at. The
/// memory of an isolate grows when the copy finds no room in it, and so do the views of it: the copy took thirty times as
/// long. ECMA-262, step 14.d takes the new length only where it is the smaller one.
const SLICE_OF_A_GROWN_BUFFER: Correction = &[
    (
        "        if (len != p->u.array.count)
            goto slow_path;
",
        "        space = max_int(0, (int)p->u.array.count - start);
        count = min_int(count, space);
",
    ),
    (
        "        } else {
        slow_path:
            space = max_int(0, p->u.array.count - start);
            count = min_int(count, space);
            for (n = 0; n < count; n++) {
",
        "        } else {
            for (n = 0; n < count; n++) {
",
    ),
];
