"""The `dreams` command: a list of its parts, each in a module of its own."""

import typer

from console import (
    commands_bench,
    commands_certify,
    commands_demo,
    commands_editions,
    commands_export,
    commands_journey,
    commands_lanes,
    commands_ledger,
    commands_messages,
    commands_payments,
    commands_publish,
    commands_quality,
    commands_rebuild,
    commands_receipts,
    commands_registers,
    commands_schemes,
    commands_stack,
    commands_subsidy,
    commands_trace,
    commands_what_if,
)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="The Study for Dreams system.")

app.command()(commands_stack.up)
app.command()(commands_stack.down)
app.command()(commands_stack.status)
app.command()(commands_stack.logs)
app.command()(commands_stack.reset)
app.add_typer(commands_lanes.lanes, name="lanes")
app.add_typer(commands_messages.messages, name="messages")
app.add_typer(commands_lanes.quarantine, name="quarantine")
app.add_typer(commands_ledger.ledger, name="ledger")
app.add_typer(commands_ledger.log, name="log")
app.command()(commands_receipts.receipts)
app.command()(commands_registers.completeness)
app.command()(commands_quality.quality)
app.command()(commands_quality.reconciliation)
app.command()(commands_registers.registers)
app.command("look-ups")(commands_registers.look_ups)
app.add_typer(commands_payments.payments, name="payments")
app.add_typer(commands_rebuild.rebuild, name="rebuild")
app.command()(commands_editions.close)
app.add_typer(commands_editions.editions, name="editions")
app.command("publish")(commands_publish.publish_file)
app.command()(commands_certify.certify)
app.command()(commands_demo.demo)
app.command()(commands_bench.bench)
app.command()(commands_subsidy.explain)
app.command()(commands_subsidy.budgets)
app.command()(commands_subsidy.waitlist)
app.add_typer(commands_schemes.schemes, name="schemes")
app.command("what-if")(commands_what_if.what_if)
app.command()(commands_journey.journey)
app.command()(commands_export.export)
app.command()(commands_trace.trace)
