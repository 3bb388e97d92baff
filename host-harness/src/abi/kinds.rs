//! The enumerations that guests pass as numbers.

use super::Status;

/// Declares an enumeration whose members are the numbers of the ABI, and its checked conversion.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$member_doc])* $member = $number,)+
        }

        impl TryFrom<u32> for $name {
            type Error = Status;

            /// A number beyond the enumeration is a bad argument, as in Envoy.
            fn try_from(number: u32) -> Result<Self, Status> {
                match number {
                    $($number => Ok(Self::$member),)+
                    _ => Err(Status::BadArgument),
                }
            }
        }
    };
}

kinds! {
    /// The header maps that a guest can read.
    MapKind {
        /// The request's headers.
        RequestHeaders = 0,
        /// The request's trailers.
        RequestTrailers = 1,
        /// The response's headers.
        ResponseHeaders = 2,
        /// The response's trailers.
        ResponseTrailers = 3,
        /// The initial metadata of a gRPC call.
        GrpcReceiveInitialMetadata = 4,
        /// The trailing metadata of a gRPC call.
        GrpcReceiveTrailingMetadata = 5,
        /// The headers of the answer to an HTTP call.
        HttpCallResponseHeaders = 6,
        /// The trailers of the answer to an HTTP call.
        HttpCallResponseTrailers = 7,
    }
}

kinds! {
    /// The buffers that a guest can read.
    BufferKind {
        /// The body of the request.
        HttpRequestBody = 0,
        /// The body of the response.
        HttpResponseBody = 1,
        /// Data of a TCP client; there is none in an HTTP filter.
        NetworkDownstreamData = 2,
        /// Data of a TCP server; there is none in an HTTP filter.
        NetworkUpstreamData = 3,
        /// The body of the answer to an HTTP call.
        HttpCallResponseBody = 4,
        /// The message of a gRPC call.
        GrpcReceiveBuffer = 5,
        /// The configuration of the VM.
        VmConfiguration = 6,
        /// The configuration of the plugin, only while it is being configured.
        PluginConfiguration = 7,
        /// The arguments of a foreign function; empty elsewhere.
        CallData = 8,
    }
}

kinds! {
    /// How much a log line matters.
    LogLevel {
        /// The most detail.
        Trace = 0,
        /// For finding faults.
        Debug = 1,
        /// What happens.
        Info = 2,
        /// What should not happen.
        Warn = 3,
        /// What went wrong.
        Error = 4,
        /// What makes going on senseless.
        Critical = 5,
    }
}

kinds! {
    /// The kinds of metrics.
    MetricKind {
        /// Only grows.
        Counter = 0,
        /// Goes up and down.
        Gauge = 1,
        /// Counts values by size.
        Histogram = 2,
    }
}

kinds! {
    /// What `proxy_continue_stream` and `proxy_close_stream` act on.
    StreamKind {
        /// The request of an HTTP stream.
        Request = 0,
        /// The response of an HTTP stream.
        Response = 1,
        /// A TCP client.
        Downstream = 2,
        /// A TCP server.
        Upstream = 3,
    }
}

kinds! {
    /// Who closed a connection.
    PeerKind {
        /// Not known.
        Unknown = 0,
        /// This side.
        Local = 1,
        /// The other side.
        Remote = 2,
    }
}
