using System.Diagnostics;
using System.Runtime.InteropServices;
using DynamicFs.Erasure;
using DynamicFs.Interop;
using DynamicFs.UnitTests.Erasure;

namespace DynamicFs.ErasureBench;

/// <summary>
/// Throughput of one core in GB of data per second: Reed-Solomon by every kernel that this machine has, ISA-L beside them, and BLAKE3.
/// Medians of interleaved rounds, so that a noisy moment hits all alike. <c>dotnet run -c Release --project tools/erasure-bench</c>
/// </summary>
internal static unsafe class Program
{
    private const int Rounds = 15;
    private const int BytesPerRound = 16 << 20;

    private static void Main()
    {
        Console.WriteLine("| code | fragment bytes | what | GB/s |\n| --- | --- | --- | --- |");
        foreach ((int k, int m) in new[] { (4, 2), (8, 3), (16, 4) })
        {
            foreach (int lengthBytes in new[] { 16 << 10, 64 << 10, 1 << 20 })
                Code(k, m, lengthBytes);
        }

        foreach (int lengthBytes in new[] { 64, 4 << 10, 16 << 10, 64 << 10, 1 << 20 })
            Hash(lengthBytes);
    }

    private static void Code(int k, int m, int lengthBytes)
    {
        nint[] fragments = [.. Enumerable.Range(0, k + m).Select(i => Allocate(lengthBytes, i))];
        uint firstTwo = m > 1 ? 3u : 1u;
        uint others = (uint)((1UL << (k + m)) - 1) & ~firstTwo;
        var subjects = new List<(string, Action)>();
        foreach (CodingKernel kernel in Enum.GetValues<CodingKernel>().Where(kernel => kernel != CodingKernel.Scalar && CodingKernels.IsSupported(kernel)))
        {
            var code = new ReedSolomon(k, m, kernel);
            subjects.Add(($"{kernel} encode", () => code.Encode(fragments.AsSpan(0, k), fragments.AsSpan(k), lengthBytes)));
            subjects.Add(($"{kernel} reconstruct 2", () => code.Reconstruct(fragments, others, firstTwo, lengthBytes)));
        }

        byte[] tables = Isal.Tables(k, m);
        subjects.Add(("ISA-L encode", () => IsalEncode(tables, k, m, fragments, lengthBytes)));
        Report($"{k}+{m}", lengthBytes, k * lengthBytes, subjects);
        foreach (nint fragment in fragments)
            NativeMemory.AlignedFree((void*)fragment);
    }

    private static void IsalEncode(byte[] tables, int k, int m, nint[] fragments, int lengthBytes)
    {
        fixed (nint* pointers = fragments)
            Isal.Encode(tables, k, m, pointers, pointers + k, lengthBytes);
    }

    private static void Hash(int lengthBytes)
    {
        nint block = Allocate(lengthBytes, 1);
        Report("BLAKE3", lengthBytes, lengthBytes, [("hash", () => Blake3.Hash((byte*)block, lengthBytes))]);
        NativeMemory.AlignedFree((void*)block);
    }

    private static nint Allocate(int lengthBytes, int seed)
    {
        void* block = NativeMemory.AlignedAlloc((nuint)lengthBytes, 4096);
        new Random(seed).NextBytes(new Span<byte>(block, lengthBytes));
        return (nint)block;
    }

    private static void Report(string code, int lengthBytes, int bytesPerCall, List<(string What, Action Call)> subjects)
    {
        double[][] rates = [.. subjects.Select(_ => new double[Rounds])];
        for (int round = -2; round < Rounds; round++)
        {
            for (int i = 0; i < subjects.Count; i++)
            {
                double rate = Rate(subjects[i].Call, bytesPerCall);
                if (round >= 0)
                    rates[i][round] = rate;
            }
        }

        for (int i = 0; i < subjects.Count; i++)
            Console.WriteLine($"| {code} | {lengthBytes} | {subjects[i].What} | {rates[i].Order().ElementAt(Rounds / 2):F1} |");
    }

    private static double Rate(Action call, int bytesPerCall)
    {
        int calls = Math.Max(1, BytesPerRound / bytesPerCall);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < calls; i++)
            call();
        return (double)calls * bytesPerCall / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }
}
