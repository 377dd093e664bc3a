fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../protos");
    let descriptors = protox::compile(
        ["tensorflow_serving/apis/prediction_service.proto"],
        ["../protos"],
    )?;
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds(descriptors)?;
    Ok(())
}
