//! The callbacks that a guest exports.

use wasmtime::{AsContextMut, Instance, TypedFunc};

/// Declares the callbacks: field, exported name, parameters, result.
macro_rules! callbacks {
    ($($field:ident: $name:literal ($($parameter:ty),*) $(-> $result:ty)?;)+) => {
        /// The callbacks that a guest exports; one that it lacks does nothing and answers "go on".
        pub(crate) struct Exports {
            $(pub(crate) $field: Option<TypedFunc<($($parameter,)*), callbacks!(@result $($result)?)>>,)+
        }

        impl Exports {
            /// Looks the callbacks up.
            ///
            /// # Errors
            /// One is exported with another signature.
            pub(crate) fn of(instance: &Instance, mut store: impl AsContextMut) -> wasmtime::Result<Self> {
                Ok(Self {
                    $($field: match instance.get_func(&mut store, $name) {
                        Some(function) => Some(function.typed(&store).map_err(|error| error.context($name))?),
                        None => None,
                    },)+
                })
            }
        }
    };
    (@result) => { () };
    (@result $result:ty) => { $result };
}

callbacks! {
    on_context_create: "proxy_on_context_create" (u32, u32);
    on_vm_start: "proxy_on_vm_start" (u32, u32) -> u32;
    on_configure: "proxy_on_configure" (u32, u32) -> u32;
    on_tick: "proxy_on_tick" (u32);
    on_queue_ready: "proxy_on_queue_ready" (u32, u32);
    on_request_headers: "proxy_on_request_headers" (u32, u32, u32) -> u32;
    on_request_body: "proxy_on_request_body" (u32, u32, u32) -> u32;
    on_request_trailers: "proxy_on_request_trailers" (u32, u32) -> u32;
    on_response_headers: "proxy_on_response_headers" (u32, u32, u32) -> u32;
    on_response_body: "proxy_on_response_body" (u32, u32, u32) -> u32;
    on_response_trailers: "proxy_on_response_trailers" (u32, u32) -> u32;
    on_http_call_response: "proxy_on_http_call_response" (u32, u32, u32, u32, u32);
    on_grpc_receive_initial_metadata: "proxy_on_grpc_receive_initial_metadata" (u32, u32, u32);
    on_grpc_receive: "proxy_on_grpc_receive" (u32, u32, u32);
    on_grpc_receive_trailing_metadata: "proxy_on_grpc_receive_trailing_metadata" (u32, u32, u32);
    on_grpc_close: "proxy_on_grpc_close" (u32, u32, u32);
    on_log: "proxy_on_log" (u32);
    on_done: "proxy_on_done" (u32) -> u32;
    on_delete: "proxy_on_delete" (u32);
}
