package executor

func runAlone([]string) int { return 0 }
