"""The application's side: it refuses, and what it runs is acknowledged (faults F80; promise 8)."""
from registry import case


@case("application.refuses", "the application refuses a configuration: the one before stays, the client goes on")
def refuses(s):
    first = s.begin()
    s.client.tell("refuse-next stt-worker no such voice")
    s.state()
    second = s.publisher.commit({"stt-worker": {"value": 2}})
    s.deliver(second)
    third = s.publisher.commit({"tts-worker": {"value": 3}})
    s.deliver(third)
    s.applied(third)
    third.configs["stt-worker"] = first.configs["stt-worker"]
    s.runs(third)
    s.goes_on()


@case("application.refused-is-not-offered-again", "what was refused is not offered again while it does not change")
def not_again(s):
    s.begin()
    s.client.tell("refuse-next stt-worker no such voice")
    s.state()
    second = s.publisher.commit({"stt-worker": {"value": 2}})
    for _ in range(3):
        s.deliver(second)
    s.deliver(s.publisher.commit({"stt-worker": {"value": 2}}))
    s.goes_on()


def is_answer(epoch, version, status, reason=None):
    def accept(answer):
        return bool(answer) and (answer["type"], answer["epoch"], answer["version"], answer["status"], answer["reason"]) == (
            "config.ack", epoch, version, status, reason)

    return accept


@case("acknowledge.applied", "each applied epoch is acknowledged for each service, with the version it has")
def acknowledge_applied(s):
    s.begin()
    for name in s.services:
        s.answer(name, is_answer(1, 1, "applied"))
    s.deliver(s.publisher.commit({"stt-worker": {"value": 2}}))
    s.next_event("applied")
    s.answer("stt-worker", is_answer(2, 2, "applied"))
    s.answer("tts-worker", is_answer(2, 1, "applied"))


@case("acknowledge.refused", "a refusal is acknowledged with its reason")
def acknowledge_refused(s):
    s.begin()
    s.client.tell("refuse-next stt-worker no such voice")
    s.state()
    s.deliver(s.publisher.commit({"stt-worker": {"value": 2}}))
    s.answer("stt-worker", is_answer(2, 2, "refused", "no such voice"))
    s.goes_on()
    s.answer("stt-worker", is_answer(3, 3, "applied"))


@case("acknowledge.clean-end", "at a clean end the acknowledgements are cleared")
def acknowledge_clean_end(s):
    s.begin()
    for name in s.services:
        s.answer(name, is_answer(1, 1, "applied"))
    s.quit()
    for name in s.services:
        s.answer(name, lambda answer: answer is None)


@case("acknowledge.killed", "a client that is gone takes its acknowledgements with it")
def acknowledge_killed(s):
    s.begin()
    for name in s.services:
        s.answer(name, is_answer(1, 1, "applied"))
    s.client.kill()
    for name in s.services:
        s.answer(name, lambda answer: answer is None)
    s.client = None
