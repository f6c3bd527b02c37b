/* pmod: the engine without a window. Reads the subcommand and hands over to it. */
int
main (void)
{
  return 2;
}
