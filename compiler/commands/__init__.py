"""The commands, one module (or package) each; compiler.cli holds their table and says what a module offers."""
