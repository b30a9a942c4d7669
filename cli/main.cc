#include "cli/commands.h"
#include "cli/serve.h"

int main(int argc, char** argv) {
  return settle::run_cli(argc, argv, settle::serve, settle::inspect);
}
