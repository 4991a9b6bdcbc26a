"""Names of libraries that are not in their documentation, and on which Ostiary relies: one test for each.

When one of these fails after an update, the code beside the name must be read again. Every other test may still pass.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, cast

import grpc
import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Boolean, Column, Integer, MetaData, Table, insert, select
from sqlalchemy.dialects import sqlite

METHOD = "/ostiary.Trial/Call"
TABLE = Table("trial", MetaData(), Column("id", Integer, primary_key=True), Column("on", Boolean))


def test_sqlalchemy_bind_processors() -> None:
    """Of a compiled statement: functions that turn a value into what the driver takes, by the name of the parameter."""
    compiled: Any = insert(TABLE).compile(dialect=sqlite.dialect(), column_keys=["id", "on"])
    assert compiled._bind_processors["on"](True) == 1  # noqa: SLF001 - this name is the subject
    assert "id" not in compiled._bind_processors  # noqa: SLF001


def test_sqlalchemy_result_columns() -> None:
    """Of a compiled query: its columns in order, each with the name in the row and its type."""
    compiled: Any = select(TABLE.c.on, TABLE.c.id.label("number")).compile(dialect=sqlite.dialect())
    columns = compiled._result_columns  # noqa: SLF001 - this name is the subject
    assert [(column.keyname, type(column.type)) for column in columns] == [("on", Boolean), ("number", Integer)]


def test_sqlalchemy_dialect_impl() -> None:
    """Of a type: what a dialect makes of it, with the function that turns the driver's value into ours."""
    read = Boolean().dialect_impl(sqlite.dialect()).result_processor(sqlite.dialect(), None)
    assert read is not None
    assert read(1) is True


def test_psycopg_wait_timeout() -> None:
    """The error of `Connection.wait` when its timeout passes: the generator that it waits for can go on after it."""
    assert issubclass(errors._WaitTimeout, Exception)  # type: ignore[attr-defined] # noqa: SLF001 - the subject
    assert [*inspect.signature(psycopg.Connection.wait).parameters] == ["self", "gen", "interval", "timeout"]


@pytest.fixture
def serve() -> Iterator[Callable[[Any, Executor], grpc.Channel]]:
    """Serves METHOD by a handler, with an executor; returns a channel to it."""
    opened: list[Any] = []

    def start(handler: Any, executor: Executor) -> grpc.Channel:
        server = grpc.server(cast("ThreadPoolExecutor", executor))
        server.add_generic_rpc_handlers((Always(handler),))
        channel = grpc.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
        server.start()
        opened.extend((channel.close, lambda: server.stop(None).wait()))
        return channel

    yield start
    for end in opened:
        end()


class Always(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc's types lack its own classes
    """Answers every method by one handler."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handler


def test_grpcio_experimental_thread_pool(serve: Callable[[Any, Executor], grpc.Channel]) -> None:
    """An attribute of a handler's function: the threads that run it, in place of the server's."""

    def name(request: bytes, context: grpc.ServicerContext) -> bytes:
        return threading.current_thread().name.encode()

    name.experimental_thread_pool = ThreadPoolExecutor(1, "apart")  # type: ignore[attr-defined]
    channel = serve(grpc.unary_unary_rpc_method_handler(name), ThreadPoolExecutor(1, "server"))
    assert channel.unary_unary(METHOD)(b"").startswith(b"apart")


def test_grpcio_experimental_non_blocking(serve: Callable[[Any, Executor], grpc.Channel]) -> None:
    """An attribute of a stream's function: it gets a third argument, by which any thread may send later."""

    def stream(request: bytes, context: grpc.ServicerContext, send: Callable[[bytes | None], None]) -> None:
        threading.Timer(0.01, lambda: (send(b"later"), send(None))).start()

    stream.experimental_non_blocking = True  # type: ignore[attr-defined]
    channel = serve(grpc.unary_stream_rpc_method_handler(stream), ThreadPoolExecutor(1))
    assert list(channel.unary_stream(METHOD)(b"")) == [b"later"]


class Submits(Executor):
    """An executor with `submit` alone."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        threading.Thread(target=lambda: done.set_result(fn(*args, **kwargs))).start()
        return done


def test_grpcio_thread_pool_submit(serve: Callable[[Any, Executor], grpc.Channel]) -> None:
    """Of the executor that `grpc.server` is given it uses `submit`, whatever its type says."""
    channel = serve(grpc.unary_unary_rpc_method_handler(lambda request, context: request), Submits())
    assert channel.unary_unary(METHOD)(b"echo") == b"echo"
