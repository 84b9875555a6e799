//! Reverse-mode differentiation of our own operations, woven into candle's graph.
//!
//! candle's backward pass zero-fills and re-adds every gradient, keeps every activation until the graph is dropped
//! and knows custom operations of at most three arguments and one output. Here an operation of ours leaves a [`Node`]
//! that owns its inputs and saved values. To candle the node's output is a custom operation on a one-element
//! variable, so candle's graph ends there; [`backward`] walks the nodes in reverse order of creation, hands whatever
//! candle computed between two of them to candle, moves gradients instead of adding them to zeros, and drops each
//! node's saved tensors as soon as they have been used.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};

use candle_core::backprop::GradStore;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, DType, Device, DeviceLocation, Layout, Result, Shape, Storage,
    Tensor, TensorId, Var, bail,
};

use tracing::trace_span;

use crate::element;

/// The second half of an operation: from the gradient of its output to those of its inputs.
pub(crate) trait Backward: Send {
    /// Takes the forward result where backward needs it: it carries no graph and shares the result's memory.
    fn keep_output(&mut self, _output: Tensor) {}

    /// One entry for each recorded input, `None` where `needs` is false or no gradient flows.
    ///
    /// `grad` has the output's shape. Returned tensors carry no graph and have their input's shape.
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>>;
}

struct Tape {
    inputs: Vec<Tensor>,
    function: Box<dyn Backward>,
}

struct Node {
    order: u64,
    name: &'static str,
    id: OnceLock<TensorId>,
    tape: Mutex<Option<Tape>>,
    /// The forward result, on its way into candle's tensor.
    result: Mutex<Option<(Storage, Shape)>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(id) = self.id.get() {
            lock(&NODES).remove(id);
        }
    }
}

static ORDER: AtomicU64 = AtomicU64::new(0);
static NODES: LazyLock<Mutex<HashMap<TensorId, Weak<Node>>>> = LazyLock::new(Mutex::default);

/// Gradients of outputs of ours.
type Arrived = Vec<(Arc<Node>, Tensor)>;

thread_local! {
    static GRAD_OFF: Cell<bool> = const { Cell::new(false) };
    /// Where a running candle backward pass leaves the gradients of our outputs.
    static ARRIVED: RefCell<Option<Arrived>> = const { RefCell::new(None) };
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node as candle sees it.
struct Link(Arc<Node>);

impl Link {
    fn result(&self) -> Result<(Storage, Shape)> {
        match lock(&self.0.result).take() {
            Some(result) => Ok(result),
            None => bail!("{}: the result was already taken", self.0.name),
        }
    }
}

impl CustomOp1 for Link {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match self.result()? {
            (Storage::Cpu(data), shape) => Ok((data, shape)),
            _ => bail!("{}: the result is not on the CPU", self.0.name),
        }
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        match self.result()? {
            (Storage::Cuda(data), shape) => Ok((data, shape)),
            _ => bail!("{}: the result is not on a CUDA device", self.0.name),
        }
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        ARRIVED.with_borrow_mut(|arrived| match arrived {
            Some(list) => {
                list.push((self.0.clone(), grad.clone()));
                Ok(None)
            }
            None => bail!("{}: call sonovox_ops::backward(&loss) instead of loss.backward()", self.0.name),
        })
    }
}

/// Runs `f` without recording: results of our operations inside carry no graph and nothing is saved for backward.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            GRAD_OFF.set(self.0);
        }
    }
    let _restore = Restore(GRAD_OFF.replace(true));
    f()
}

/// Whether an operation on these inputs has to be recorded.
pub(crate) fn needs_grad(inputs: &[&Tensor]) -> bool {
    !GRAD_OFF.get() && inputs.iter().any(|t| t.track_op())
}

/// Makes the tensor of a forward result, with its node when `function` is given.
pub(crate) fn output(
    name: &'static str,
    data: Storage,
    shape: impl Into<Shape>,
    inputs: &[&Tensor],
    function: Option<Box<dyn Backward>>,
) -> Result<Tensor> {
    let shape = shape.into();
    let Some(function) = function else {
        return Ok(element::tensor(data, shape));
    };
    let inputs = inputs.iter().map(|&t| t.clone()).collect();
    let device = data.device();
    let node = Arc::new(Node {
        order: ORDER.fetch_add(1, Ordering::Relaxed),
        name,
        id: OnceLock::new(),
        tape: Mutex::new(Some(Tape { inputs, function })),
        result: Mutex::new(Some((data, shape))),
    });
    let tensor = anchor(&device)?.apply_op1_arc(Arc::new(Box::new(Link(node.clone()))))?;
    if let Some(tape) = lock(&node.tape).as_mut() {
        tape.function.keep_output(tensor.detach());
    }
    lock(&NODES).insert(tensor.id(), Arc::downgrade(&node));
    node.id.set(tensor.id()).expect("a fresh node has no id");
    Ok(tensor)
}

/// What our results seem to be made of: a variable, because candle only walks to results that depend on one, on their
/// device, because candle asks that device's side of a custom operation. One serves all, so that an operation on a card
/// does not allocate another.
fn anchor(device: &Device) -> Result<Var> {
    static ANCHORS: LazyLock<Mutex<HashMap<DeviceLocation, Var>>> = LazyLock::new(Mutex::default);
    let mut anchors = lock(&ANCHORS);
    if let Some(anchor) = anchors.get(&device.location()) {
        return Ok(anchor.clone());
    }
    let anchor = Var::zeros((), DType::U8, device)?;
    anchors.insert(device.location(), anchor.clone());
    Ok(anchor)
}

/// A gradient on its way to a node. `owned` tells that nobody else reads its memory.
struct Pending {
    node: Arc<Node>,
    grad: Tensor,
    owned: bool,
}

#[derive(Default)]
struct Engine {
    grads: GradStore,
    owned_leaves: HashMap<TensorId, bool>,
    pending: BTreeMap<u64, Pending>,
}

/// The gradients of `loss` (one element) for every variable it depends on.
///
/// Saved tensors are released on the way, so a graph can be walked once.
///
/// # Errors
/// When `loss` has more than one element, depends on no variable, or was walked before.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    if loss.elem_count() != 1 {
        bail!("backward: expected a loss of one element, found shape {:?}", loss.dims());
    }
    if !loss.track_op() {
        bail!("backward: the loss does not depend on any variable");
    }
    let mut engine = Engine::default();
    engine.route(loss, loss.ones_like()?, true)?;
    while let Some((_, Pending { node, grad, .. })) = engine.pending.pop_last() {
        let Some(Tape { inputs, function }) = lock(&node.tape).take() else {
            bail!("{}: backward through the same graph a second time", node.name);
        };
        let needs: Vec<bool> = inputs.iter().map(|t| t.track_op()).collect();
        let results = function.backward(&grad, &needs)?;
        let ids: Vec<_> = results.iter().map(|r| r.as_ref().map(Tensor::id)).collect();
        for (i, (input, result)) in inputs.iter().zip(results).enumerate() {
            let Some(result) = result.filter(|_| needs[i]) else { continue };
            let shared = result.id() == grad.id() || ids.iter().filter(|id| **id == ids[i]).count() > 1;
            engine.route(input, result, !shared)?;
        }
    }
    Ok(engine.grads)
}

impl Engine {
    /// Sends a gradient on to whatever produced `to`.
    fn route(&mut self, to: &Tensor, grad: Tensor, owned: bool) -> Result<()> {
        if grad.dims() != to.dims() {
            bail!("backward: a gradient of shape {:?} for a tensor of shape {:?}", grad.dims(), to.dims());
        }
        if to.is_variable() {
            return self.add_leaf(to, grad, owned);
        }
        let node = lock(&NODES).get(&to.id()).and_then(Weak::upgrade);
        match node {
            Some(node) => self.add_pending(node, grad, owned),
            None => self.through_candle(to, &grad),
        }
    }

    fn add_leaf(&mut self, leaf: &Tensor, grad: Tensor, owned: bool) -> Result<()> {
        let (grad, owned) = match self.grads.remove(leaf) {
            Some(before) => {
                let before_owned = self.owned_leaves.get(&leaf.id()).copied().unwrap_or(false);
                sum(before, before_owned, grad, owned)?
            }
            None => (grad, owned),
        };
        self.owned_leaves.insert(leaf.id(), owned);
        self.grads.insert(leaf, grad);
        Ok(())
    }

    fn add_pending(&mut self, node: Arc<Node>, grad: Tensor, owned: bool) -> Result<()> {
        let order = node.order;
        let (grad, owned) = match self.pending.remove(&order) {
            Some(before) => sum(before.grad, before.owned, grad, owned)?,
            None => (grad, owned),
        };
        self.pending.insert(order, Pending { node, grad, owned });
        Ok(())
    }

    /// The stretch of candle's own operations that ends in `to`.
    fn through_candle(&mut self, to: &Tensor, grad: &Tensor) -> Result<()> {
        let _span = trace_span!("candle", part = "backward").entered();
        let scalar = (to * grad)?.sum_all()?;
        let leaves: Vec<Tensor> =
            scalar.sorted_nodes().into_iter().filter(|n| n.is_variable()).cloned().collect();
        ARRIVED.set(Some(Vec::new()));
        let result = scalar.backward();
        let arrived = ARRIVED.take().unwrap_or_default();
        let mut grads = result?;
        for (node, grad) in arrived {
            self.add_pending(node, grad, false)?;
        }
        for leaf in leaves {
            if let Some(grad) = grads.remove(&leaf) {
                self.add_leaf(&leaf, grad, false)?;
            }
        }
        Ok(())
    }
}

/// Adds two gradients, in place where the memory of one is nobody else's.
fn sum(a: Tensor, a_owned: bool, b: Tensor, b_owned: bool) -> Result<(Tensor, bool)> {
    let _span = trace_span!("gradients", part = "add").entered();
    if a_owned && a.is_contiguous() {
        element::add_in_place(&a, &b)?;
        Ok((a, true))
    } else if b_owned && b.is_contiguous() {
        element::add_in_place(&b, &a)?;
        Ok((b, true))
    } else {
        Ok(((&a + &b)?, true))
    }
}

#[cfg(test)]
mod tests;
