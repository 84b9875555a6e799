use super::*;

fn store(seed: u64) -> ParamStore {
    let store = ParamStore::new(seed, DType::F32, &Device::Cpu);
    let scope = store.scope().pp("layer1").pp(0);
    scope.pp("conv1").param("weight", (8, 4, 3, 3), Init::KaimingNormalFanOut).unwrap();
    scope.pp("bn1").param("weight", 8, Init::Ones).unwrap();
    scope.pp("bn1").buffer("running_mean", 8, Init::Zeros).unwrap();
    store
}

fn bytes(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn values_depend_on_seed_and_name_and_not_on_order() {
    let a = ParamStore::new(1, DType::F32, &Device::Cpu);
    let b = ParamStore::new(1, DType::F64, &Device::Cpu);
    let init = Init::Normal { std: 1.0 };
    let (ax, ay) = (a.scope().param("x", 9, init).unwrap(), a.scope().param("y", 9, init).unwrap());
    let (by, bx) = (b.scope().param("y", 9, init).unwrap(), b.scope().param("x", 9, init).unwrap());
    assert_eq!(bytes(&ax), bytes(&bx.to_dtype(DType::F32).unwrap()));
    assert_eq!(bytes(&ay), bytes(&by.to_dtype(DType::F32).unwrap()));
    assert_ne!(bytes(&ax), bytes(&ay));
    let other = ParamStore::new(2, DType::F32, &Device::Cpu);
    assert_ne!(bytes(&ax), bytes(&other.scope().param("x", 9, init).unwrap()));
}

#[test]
fn initialisations_have_the_spread_they_promise() {
    let store = ParamStore::new(3, DType::F64, &Device::Cpu);
    let spread = |name: &str, init| {
        let var = store.scope().param(name, (64, 32, 3, 3), init).unwrap();
        let v: Vec<f64> = var.flatten_all().unwrap().to_vec1().unwrap();
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        (mean, (v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt())
    };
    let close = |(mean, std): (f64, f64), expected: f64| {
        mean.abs() < 0.03 * expected && (std / expected - 1.0).abs() < 0.02
    };
    assert!(close(spread("a", Init::KaimingNormalFanOut), (2.0f64 / (64.0 * 9.0)).sqrt()));
    assert!(close(spread("b", Init::UniformFanIn), (1.0f64 / (32.0 * 9.0)).sqrt() / 3f64.sqrt()));
    assert!(close(spread("c", Init::Uniform { bound: 0.5 }), 0.5 / 3f64.sqrt()));
    assert!(close(spread("d", Init::Normal { std: 0.1 }), 0.1));
}

#[test]
fn a_name_asked_for_twice_is_an_error() {
    let store = store(0);
    let error = store.scope().pp("layer1.0.bn1").buffer("weight", 8, Init::Ones).unwrap_err().to_string();
    assert!(error.contains("layer1.0.bn1.weight"), "{error}");
}

#[test]
fn what_is_saved_is_loaded_and_equal_values_are_equal_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one.safetensors"), dir.path().join("two.safetensors"));
    let a = store(1);
    a.save(&one).unwrap();
    let b = store(2);
    b.load_strict(&one).unwrap();
    b.save(&two).unwrap();
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
    assert_eq!(
        a.params().iter().map(|p| p.0.as_str()).collect::<Vec<_>>(),
        ["layer1.0.bn1.weight", "layer1.0.conv1.weight"]
    );
}

#[test]
fn a_file_that_does_not_fit_names_every_difference_and_changes_nothing() {
    let store = store(1);
    let before = bytes(&store.to_tensors()["layer1.0.conv1.weight"].copy().unwrap());
    let mut found = store.to_tensors();
    found.remove("layer1.0.bn1.weight");
    found.insert("fc.weight".into(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
    found.insert("fc.bias".into(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
    found.insert("layer1.0.bn1.running_mean".into(), Tensor::zeros(9, DType::F32, &Device::Cpu).unwrap());
    found.insert(
        "layer1.0.conv1.weight".into(),
        Tensor::zeros((8, 4, 3, 3), DType::F32, &Device::Cpu).unwrap(),
    );
    let error = store.set_strict(&found, "timm.safetensors").unwrap_err().to_string();
    for part in [
        "timm.safetensors",
        "missing: layer1.0.bn1.weight",
        "surplus: fc.bias, fc.weight",
        "layer1.0.bn1.running_mean (expected [8], found [9])",
    ] {
        assert!(error.contains(part), "{part} not in: {error}");
    }
    assert_eq!(bytes(&store.to_tensors()["layer1.0.conv1.weight"]), before);
}

#[test]
fn a_file_that_is_none_is_an_error_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("encoder.safetensors");
    assert!(store(1).load_strict(&path).unwrap_err().to_string().contains("encoder.safetensors"));
    std::fs::write(&path, b"no tensors").unwrap();
    assert!(store(1).load_strict(&path).unwrap_err().to_string().contains("encoder.safetensors"));
}
