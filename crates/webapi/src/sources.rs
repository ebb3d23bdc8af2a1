//! The JavaScript of this crate, module by module.

/// A module and its text.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// By what it is imported; the imports between these modules are relative to it.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The module that puts the platform on the global object.
pub const INSTALL: &str = "taipan:webapi/install.js";

/// The module whose functions the runtime calls.
pub const DISPATCH: &str = "taipan:webapi/dispatch.js";

/// The library of streams, which the modules import by this name; it is not among them.
pub const WEB_STREAMS: &str = "taipan:web-streams";

macro_rules! source {
    ($file:literal) => {
        Source {
            name: concat!("taipan:webapi/", $file),
            text: include_str!(concat!("../js/", $file)),
        }
    };
}

/// All modules, by name.
pub const JAVASCRIPT: &[Source] = &[
    source!("abort_algorithms.js"),
    source!("abort_controller.js"),
    source!("abort_signal.js"),
    source!("blob.js"),
    source!("body.js"),
    source!("console.js"),
    source!("crypto.js"),
    source!("custom_event.js"),
    source!("data_url.js"),
    source!("dispatch.js"),
    source!("error_event.js"),
    source!("event.js"),
    source!("event_target.js"),
    source!("execution_context.js"),
    source!("fetch.js"),
    source!("file.js"),
    source!("foreign.js"),
    source!("form_data.js"),
    source!("form_data_body.js"),
    source!("global_target.js"),
    source!("headers.js"),
    source!("host_body.js"),
    source!("inspect.js"),
    source!("install.js"),
    source!("operations.js"),
    source!("performance.js"),
    source!("promise_rejection_event.js"),
    source!("report_error.js"),
    source!("request.js"),
    source!("response.js"),
    source!("streams.js"),
    source!("structured_clone.js"),
    source!("text_decoder.js"),
    source!("text_decoder_stream.js"),
    source!("text_encoder.js"),
    source!("text_encoder_stream.js"),
    source!("timers.js"),
    source!("url.js"),
    source!("url_search_params.js"),
    source!("urlencoded.js"),
    source!("webidl.js"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_listed() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
        let found: BTreeSet<String> = directory
            .read_dir()
            .unwrap()
            .map(|entry| format!("taipan:webapi/{}", entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        let listed: BTreeSet<String> =
            JAVASCRIPT.iter().map(|source| source.name.to_owned()).collect();
        assert_eq!(listed, found);
    }

    /// The modules that a module imports, by their full names.
    fn imports(text: &str) -> impl Iterator<Item = String> {
        text.split(" from \"").skip(1).filter_map(|rest| {
            let name = rest.split('"').next()?;
            Some(
                name.strip_prefix("./")
                    .map_or_else(|| name.to_owned(), |file| format!("taipan:webapi/{file}")),
            )
        })
    }

    #[test]
    fn every_import_is_served() {
        let known: BTreeSet<&str> = JAVASCRIPT.iter().map(|source| source.name).collect();
        for source in JAVASCRIPT {
            for import in imports(source.text) {
                let (host, streams) = (import == "taipan:host", import == WEB_STREAMS);
                assert!(
                    known.contains(import.as_str()) || host || streams,
                    "{} imports {import}",
                    source.name
                );
                assert!(
                    !host || source.name == "taipan:webapi/operations.js",
                    "{} imports the host",
                    source.name
                );
                assert!(
                    !streams || source.name == "taipan:webapi/streams.js",
                    "{} imports streams",
                    source.name
                );
            }
        }
    }

    #[test]
    fn every_operation_is_listed() {
        let operations =
            JAVASCRIPT.iter().find(|source| source.name.ends_with("/operations.js")).unwrap().text;
        for operation in crate::OPERATIONS {
            assert!(
                operations.contains(&format!("//   {}(", operation.name)),
                "{} has no contract",
                operation.name
            );
        }
        for source in JAVASCRIPT {
            let calls = source.text.split("host.").skip(1).filter_map(|rest| rest.split_once('('));
            for (name, _) in calls.filter(|(name, _)| {
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            }) {
                let listed =
                    operations.contains(&format!("//   {name}(")) || name == "on_completion";
                assert!(listed, "{} calls {name}, which has no contract", source.name);
            }
        }
    }
}
