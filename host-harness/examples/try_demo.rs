//! scratch
use pointsman_host::demo::{DemoOptions, run};
#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let r = run(DemoOptions { envoy_binary: args.next().unwrap().into(), bootstrap: "envoy/bootstrap.yaml".into(), filter_wasm: args.next().unwrap().into(), once: true, pushes_per_second: 150 }).await;
    println!("{r:?}");
}
