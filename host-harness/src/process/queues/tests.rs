//! Queues: tokens, owners, order, bounds.

use super::{QueueError, QueueOwner, Queues};
use std::sync::{Arc, Mutex};

type Woken = Arc<Mutex<Vec<(u32, u32)>>>;

/// An owner that writes down who was woken.
fn owner(root_context: u32, woken: &Woken) -> QueueOwner {
    let woken = Arc::clone(woken);
    QueueOwner { root_context, wake: Arc::new(move |root, token| woken.lock().unwrap().push((root, token))) }
}

fn nobody() -> QueueOwner {
    QueueOwner { root_context: 1, wake: Arc::new(|_, _| ()) }
}

#[test]
fn tokens_are_not_zero_and_differ_between_vm_ids_and_names() {
    let queues = Queues::default();
    let tokens = [("a", "q"), ("b", "q"), ("a", "r")].map(|(vm_id, name)| {
        let token = queues.register(vm_id, name.as_bytes(), nobody()).unwrap();
        assert_eq!(queues.resolve(vm_id, name.as_bytes()), Some(token));
        token
    });
    assert_eq!(tokens, [1, 2, 3]);
    assert_eq!(queues.resolve("c", b"q"), None);
    assert_eq!(queues.resolve("a", b"s"), None);
}

#[test]
fn tokens_that_have_gone_round_leave_out_zero_and_those_in_use() {
    let queues = Queues::default();
    assert_eq!(queues.register("", b"first", nobody()), Ok(1));
    queues.lock().last_token = u32::MAX - 1;
    assert_eq!(queues.register("", b"last", nobody()), Ok(u32::MAX));
    assert_eq!(queues.register("", b"round", nobody()), Ok(2));
}

#[test]
fn the_last_that_registered_is_woken_for_each_value_and_values_stay() {
    let (queues, woken) = (Queues::default(), Woken::default());
    let token = queues.register("", b"q", owner(7, &woken)).unwrap();
    queues.enqueue(token, b"one").unwrap();
    assert_eq!(queues.register("", b"q", owner(8, &woken)), Ok(token));
    queues.enqueue(token, b"two").unwrap();
    queues.enqueue(token, b"").unwrap();
    assert_eq!(*woken.lock().unwrap(), [(7, token), (8, token), (8, token)]);
    let values: Vec<_> = std::iter::from_fn(|| queues.dequeue(token).ok()).collect();
    assert_eq!(values, [b"one".to_vec(), b"two".to_vec(), Vec::new()]);
    assert_eq!(queues.dequeue(token), Err(QueueError::Empty));
}

#[test]
fn an_owner_can_use_the_queue_while_it_is_woken() {
    let queues = Arc::new(Queues::default());
    let (taken, weak) = (Arc::new(Mutex::new(Vec::new())), Arc::downgrade(&queues));
    let into = Arc::clone(&taken);
    let wake = move |_, token| into.lock().unwrap().push(weak.upgrade().unwrap().dequeue(token).unwrap());
    let token = queues.register("", b"q", QueueOwner { root_context: 1, wake: Arc::new(wake) }).unwrap();
    queues.enqueue(token, b"value").unwrap();
    assert_eq!(*taken.lock().unwrap(), [b"value".to_vec()]);
}

#[test]
fn an_unknown_token_is_not_found() {
    let queues = Queues::default();
    for token in [0, 1, u32::MAX] {
        assert_eq!(queues.enqueue(token, b""), Err(QueueError::NotFound));
        assert_eq!(queues.dequeue(token), Err(QueueError::NotFound));
    }
}

#[test]
fn a_full_queue_refuses_the_newest_until_there_is_room() {
    let queues = Queues::default();
    let token = queues.register("", b"q", nobody()).unwrap();
    for _ in 0..Queues::MAX_LENGTH {
        queues.enqueue(token, b"").unwrap();
    }
    assert_eq!(queues.enqueue(token, b""), Err(QueueError::Full));
    queues.dequeue(token).unwrap();
    queues.enqueue(token, b"").unwrap();
}

#[test]
fn the_bytes_of_all_queues_of_a_vm_id_are_bounded_together() {
    let queues = Queues::default();
    let [a, b] = [b"a", b"b"].map(|name| queues.register("", name, nobody()).unwrap());
    let other = queues.register("other", b"a", nobody()).unwrap();
    queues.enqueue(a, &vec![0; Queues::MAX_BYTES - 1]).unwrap();
    assert_eq!(queues.enqueue(b, b"12"), Err(QueueError::Full));
    queues.enqueue(b, b"1").unwrap();
    queues.enqueue(other, b"12").unwrap();
    queues.dequeue(a).unwrap();
    queues.enqueue(b, b"12").unwrap();
}

#[test]
fn the_number_of_queues_is_bounded_by_vm_id() {
    let queues = Queues::default();
    for name in 0..Queues::MAX_QUEUES {
        queues.register("", &name.to_le_bytes(), nobody()).unwrap();
    }
    assert_eq!(queues.register("", b"more", nobody()), Err(QueueError::Full));
    assert!(queues.register("", &0_usize.to_le_bytes(), nobody()).is_ok());
    assert!(queues.register("other", b"more", nobody()).is_ok());
}
