//! Names for the results of components, and what a component asks of others.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    marker::PhantomData,
    rc::Rc,
    sync::{Arc, OnceLock},
};

/// The result of a component that other components, on any thread, may depend on. It arrives as an `Arc<T>`.
pub struct Component<T> {
    pub(crate) id: Id,
    result: PhantomData<fn() -> T>,
}

/// The result of a component of the main thread, which need not be `Send`. It arrives as an `Rc<T>`, and only in
/// components of the main thread.
pub struct MainComponent<T> {
    pub(crate) id: Id,
    result: PhantomData<fn() -> T>,
}

/// A dependency that is waited for, but may fail: it arrives as an `Option`.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<C>(C);

/// Which component, and of which loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) loader: u64,
    pub(crate) place: usize,
}

/// A dependency as the plan sees it.
#[derive(Debug, Clone, Copy)]
#[expect(unnameable_types, reason = "only handles of this crate are dependencies")]
pub struct Need {
    pub(crate) id: Id,
    pub(crate) required: bool,
}

/// The results so far.
#[expect(unnameable_types, reason = "only handles of this crate are dependencies")]
pub struct Results<'a> {
    pub(crate) shared: &'a [OnceLock<Arc<dyn Any + Send + Sync>>],
    /// Empty on threads other than the main one.
    pub(crate) main: &'a RefCell<Vec<Option<Rc<dyn Any>>>>,
}

/// What a component may depend on: a [`Component`], a [`MainComponent`], or one of them [`Wanted`].
pub trait Input: Copy + 'static {
    /// How the result arrives.
    type Value;
    #[doc(hidden)]
    fn need(&self) -> Need;
    #[doc(hidden)]
    fn value(&self, results: &Results<'_>) -> Option<Self::Value>;
}

/// Dependencies of a component: `()`, one [`Input`], or a tuple of up to eight.
pub trait Inputs: Copy + 'static {
    /// How the results arrive: one by one, or as a tuple.
    type Values;
    #[doc(hidden)]
    fn needs(&self) -> Vec<Need>;
    #[doc(hidden)]
    fn values(&self, results: &Results<'_>) -> Option<Self::Values>;
}

/// Dependencies whose results may go to any thread: those without a [`MainComponent`].
pub trait SendInputs: Inputs + Send {}

impl<T> Component<T> {
    /// Waits for this component, but does without it if it fails.
    pub fn wanted(self) -> Wanted<Self> {
        Wanted(self)
    }
}

impl<T> MainComponent<T> {
    /// Waits for this component, but does without it if it fails.
    pub fn wanted(self) -> Wanted<Self> {
        Wanted(self)
    }
}

macro_rules! handle {
    ($name:ident) => {
        impl<T> $name<T> {
            pub(crate) fn new(id: Id) -> Self {
                Self { id, result: PhantomData }
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $name<T> {}

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.id.place).finish()
            }
        }
    };
}
handle!(Component);
handle!(MainComponent);

impl fmt::Debug for Results<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Input for Component<T> {
    type Value = Arc<T>;

    fn need(&self) -> Need {
        Need { id: self.id, required: true }
    }

    fn value(&self, results: &Results<'_>) -> Option<Arc<T>> {
        results.shared.get(self.id.place)?.get()?.clone().downcast().ok()
    }
}

impl<T: 'static> Input for MainComponent<T> {
    type Value = Rc<T>;

    fn need(&self) -> Need {
        Need { id: self.id, required: true }
    }

    fn value(&self, results: &Results<'_>) -> Option<Rc<T>> {
        results.main.borrow().get(self.id.place)?.clone()?.downcast().ok()
    }
}

impl<C: Input> Input for Wanted<C> {
    type Value = Option<C::Value>;

    fn need(&self) -> Need {
        Need { required: false, ..self.0.need() }
    }

    fn value(&self, results: &Results<'_>) -> Option<Self::Value> {
        Some(self.0.value(results))
    }
}

macro_rules! single {
    ([$($generics:tt)*] $name:ty) => {
        impl<$($generics)*> Inputs for $name {
            type Values = <Self as Input>::Value;

            fn needs(&self) -> Vec<Need> {
                vec![self.need()]
            }

            fn values(&self, results: &Results<'_>) -> Option<Self::Values> {
                self.value(results)
            }
        }
    };
}
single!([T: Send + Sync + 'static] Component<T>);
single!([T: 'static] MainComponent<T>);
single!([C: Input] Wanted<C>);

impl<T: Send + Sync + 'static> SendInputs for Component<T> {}
impl<T: Send + Sync + 'static> SendInputs for Wanted<Component<T>> {}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Input),*> Inputs for ($($name,)*) {
            type Values = ($($name::Value,)*);

            fn needs(&self) -> Vec<Need> {
                #[expect(non_snake_case, reason = "a type and its value share a name")]
                let ($($name,)*) = self;
                vec![$($name.need()),*]
            }

            fn values(&self, results: &Results<'_>) -> Option<Self::Values> {
                #[expect(non_snake_case, reason = "a type and its value share a name")]
                let ($($name,)*) = self;
                Some(($($name.value(results)?,)*))
            }
        }

        impl<$($name: Input + SendInputs),*> SendInputs for ($($name,)*) {}
    )*};
}
tuples!((A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H));

impl Inputs for () {
    type Values = ();

    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    fn values(&self, _: &Results<'_>) -> Option<()> {
        Some(())
    }
}

impl SendInputs for () {}
